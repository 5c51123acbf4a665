"""`jumplab create exporter|client` against a whole control plane on this machine."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.cli.user import Outcome, User
from tests.lab.homes import OneMachine

OneSentence = Callable[[Outcome, int], str]


@pytest.fixture(scope="module")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneMachine]:
    home = OneMachine(tmp_path_factory.mktemp("lab"))
    home.connect().close()
    yield home
    home.close()


@pytest.fixture
def administrator(stranger: User, control_plane: OneMachine) -> User:
    stranger.more["KUBECONFIG"] = str(control_plane.kubeconfig)
    return stranger


async def test_a_saved_client_can_be_used_at_once(administrator: User) -> None:
    created = await administrator.run("jumplab", "create", "client", "me", "--save")
    assert created.status == 0, created.err
    assert 'client "me" created; its configuration is' in created.err
    assert administrator.places.client_path("me").stat().st_mode & 0o777 == 0o600
    assert (await administrator.run("jumplab", "config", "client", "list")).out == "* me\n"
    assert (await administrator.run("jumplab", "get", "leases")).status == 0


async def test_an_exporter_s_configuration_is_printed_or_written(administrator: User, tmp_path: Path) -> None:
    printed = await administrator.run("jumplab", "create", "exporter", "b1", "-l", "board=x", "-l", "rev=2")
    config = yaml.safe_load(printed.out)
    assert (config["kind"], config["metadata"]) == ("ExporterConfig", {"namespace": "default", "name": "b1"})
    assert config["token"]
    file = tmp_path / "b2.yaml"
    assert (await administrator.run("jumplab", "create", "exporter", "b2", "--out", str(file))).status == 0
    assert yaml.safe_load(file.read_text())["metadata"]["name"] == "b2"
    assert file.stat().st_mode & 0o777 == 0o600


async def test_a_new_exporter_s_file_says_that_it_exports_nothing_and_how_to_change_that(
    administrator: User, tmp_path: Path
) -> None:
    file = tmp_path / "empty.yaml"
    created = await administrator.run("jumplab", "create", "exporter", "empty", "--out", str(file))
    assert created.err.endswith(f"its configuration is {file}, which exports nothing yet: add its drivers\n")
    checked = await administrator.run("jumplab-exporter", "check", str(file))
    assert checked.status == 0
    assert 'warning: exporter "empty" exports nothing' in checked.err
    text = file.read_text()
    assert "# This exporter exports nothing yet." in text
    example = [line.removeprefix("# ") for line in text.splitlines() if line.startswith(("# export:", "#   "))]
    file.write_text(text.replace("export: {}\n", "\n".join(example)))
    checked = await administrator.run("jumplab-exporter", "check", str(file))
    assert (checked.status, checked.out) == (0, "power: VirtualPower\nconsole: SerialConsole\n")


async def test_labels_are_those_that_leases_select_by(administrator: User) -> None:
    await administrator.run("jumplab", "create", "client", "finder", "--save")
    await administrator.run("jumplab", "create", "exporter", "found", "-l", "place=shelf")
    shown = await administrator.run("jumplab", "get", "exporters", "-l", "place=shelf", "-o", "name")
    assert shown.out == "found\n"


async def test_a_name_that_is_taken_is_one_sentence(administrator: User, one_sentence: OneSentence) -> None:
    await administrator.run("jumplab", "create", "client", "twice")
    assert '"twice" already exists' in one_sentence(await administrator.run("jumplab", "create", "client", "twice"), 1)


async def test_a_namespace_that_is_not_there_is_one_sentence(administrator: User, one_sentence: OneSentence) -> None:
    refused = await administrator.run("jumplab", "create", "client", "x", "-n", "nowhere")
    assert "the Kubernetes API refused" in one_sentence(refused, 1)


async def test_a_wrong_name_is_one_sentence(administrator: User, one_sentence: OneSentence) -> None:
    assert "Not_A_Name" in one_sentence(await administrator.run("jumplab", "create", "client", "Not_A_Name"), 1)


async def test_an_api_that_is_away_is_one_sentence(
    administrator: User, control_plane: OneMachine, tmp_path: Path, unused_tcp_port: int, one_sentence: OneSentence
) -> None:
    config = yaml.safe_load(control_plane.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{unused_tcp_port}"
    away = tmp_path / "away"
    away.write_text(yaml.safe_dump(config))
    refused = await administrator.run("jumplab", "create", "client", "x", "--kubeconfig", str(away))
    assert "can't be reached" in one_sentence(refused, 1)


async def test_a_place_that_can_not_be_written_is_named(administrator: User, one_sentence: OneSentence) -> None:
    refused = await administrator.run("jumplab", "create", "client", "nowhere", "--out", "/proc/nowhere/x.yaml")
    assert "/proc/nowhere/x.yaml" in one_sentence(refused, 2)
    again = await administrator.run("jumplab", "create", "client", "nowhere")
    assert again.status == 0, "nothing was created the first time"


async def test_a_configuration_that_exists_is_not_overwritten(administrator: User, one_sentence: OneSentence) -> None:
    path = administrator.places.client_path("kept")
    path.parent.mkdir(parents=True)
    path.write_text("of another lab")
    refused = await administrator.run("jumplab", "create", "client", "kept", "--save")
    assert f"{path} exists already" in one_sentence(refused, 2)
    assert path.read_text() == "of another lab"
