"""`jumplab create exporter|client` against a whole control plane on this machine."""

import asyncio
import json
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from tests.cli.user import PROGRAMS, Outcome, User, outcome_of
from tests.lab.homes import OneMachine

CLIENTS = "/apis/jumpstarter.dev/v1alpha1/namespaces/default/clients"
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
    checked = await administrator.run("jumplab-exporter", "check", "--file-only", str(file))
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


async def names(administrator: User, kind: str) -> list[str]:
    listed = await administrator.run("jumplab", "get", kind, "-o", "name")
    assert listed.status == 0, listed.err
    return listed.out.split()


async def test_clients_are_shown_and_deleted(administrator: User, one_sentence: OneSentence) -> None:
    for name in ("shown-1", "shown-2"):
        await administrator.run("jumplab", "create", "client", name, "-l", "team=red")
    header, *rows = (await administrator.run("jumplab", "get", "clients", "-l", "team=red")).out.splitlines()
    assert header.split() == ["NAME", "ENABLED", "SECRET", "LABELS"]
    assert rows[0].split() == ["shown-1", "yes", "shown-1-client", "team=red"]
    one = json.loads((await administrator.run("jumplab", "get", "jcl", "shown-2", "-o", "json")).out)
    assert (one["name"], one["labels"]) == ("shown-2", {"team": "red"})
    assert (await administrator.run("jumplab", "get", "clients", "-n", "kube-system", "-o", "json")).out.split() == [
        "{",
        '"items":',
        "[]",
        "}",
    ]
    watching = await administrator.start("jumplab", "get", "clients", "-w", "-l", "team=red")
    assert watching.stdout is not None
    assert [(await watching.stdout.readline()).split()[0] for _ in range(3)] == [b"NAME", b"shown-1", b"shown-2"]
    deleted = await administrator.run("jumplab", "delete", "clients", "shown-1", "nobody", "shown-2")
    assert (deleted.status, deleted.err.count("\n")) == (1, 1)
    assert "nobody" in deleted.err
    assert (await watching.stdout.readline()).split()[:2] == [b"shown-1", b"no"]
    watching.send_signal(signal.SIGINT)
    assert (await outcome_of(watching)).status == 130
    assert deleted.out == 'client "shown-1" deleted\nclient "shown-2" deleted\n'
    assert "not found" in one_sentence(await administrator.run("jumplab", "delete", "client", "shown-1"), 1)
    assert "not found" in one_sentence(await administrator.run("jumplab", "get", "client", "shown-1"), 1)


@pytest.mark.parametrize("command", ["get client", "delete exporter", "create client"])
@pytest.mark.parametrize("name", ["a/b", ""])
async def test_a_name_that_nothing_can_have_is_refused_before_it_is_asked_for(
    administrator: User, one_sentence: OneSentence, command: str, name: str
) -> None:
    refused = await administrator.run("jumplab", *command.split(), name)
    assert f'"{name}": the name is not valid' in one_sentence(refused, 1)


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (("a=b_",), """ "b_" can't be the value of "a"; use"""),
        (("a/=b",), """ "a/" can't be a label's key; use"""),
        (("a=b", "a=c"), ' label "a" is given twice'),
    ],
)
async def test_labels_that_can_not_be_are_refused_before_they_are_asked_for(
    administrator: User, one_sentence: OneSentence, labels: tuple[str, ...], sentence: str
) -> None:
    options = [word for label in labels for word in ("-l", label)]
    refused = await administrator.run("jumplab", "create", "exporter", "x", *options)
    assert sentence in one_sentence(refused, 2)


async def test_an_empty_place_for_a_credential_is_none(administrator: User, one_sentence: OneSentence) -> None:
    assert "--out is empty" in one_sentence(await administrator.run("jumplab", "create", "client", "x", "--out", ""), 2)
    assert "x" not in await names(administrator, "clients")


async def test_clients_of_all_namespaces_are_shown_with_theirs(administrator: User, one_sentence: OneSentence) -> None:
    await administrator.run("jumplab", "create", "client", "here")
    listed = await administrator.run("jumplab", "get", "clients", "-A")
    header, *rows = [line.split() for line in listed.out.splitlines()]
    assert header[:2] == ["NAMESPACE", "NAME"]
    assert ["default", "here"] in [row[:2] for row in rows]
    refused = await administrator.run("jumplab", "get", "clients", "here", "-A")
    assert "name it with -n instead of -A" in one_sentence(refused, 2)


@pytest.mark.parametrize(("kind", "kubectl"), [("exp", "exporters"), ("leases", "jl"), ("queue", "jl")])
async def test_a_client_hears_who_sees_all_namespaces(
    administrator: User, one_sentence: OneSentence, kind: str, kubectl: str
) -> None:
    await administrator.run("jumplab", "create", "client", "bound", "--save")
    refused = await administrator.run("jumplab", "get", kind, "-A", "--client", "bound")
    assert 'client "bound" sees only its own namespace "default"' in one_sentence(refused, 2)
    assert f"`kubectl get {kubectl} -A`" in refused.err
    await administrator.run("jumplab", "delete", "client", "bound")
    administrator.places.client_path("bound").unlink()


async def test_an_exporter_is_deleted(administrator: User) -> None:
    await administrator.run("jumplab", "create", "client", "looker", "--save")
    await administrator.run("jumplab", "create", "exporter", "short-lived")
    assert "short-lived" in await names(administrator, "exporters")
    assert (await administrator.run("jumplab", "delete", "exp/short-lived")).status == 0
    assert "short-lived" not in await names(administrator, "exporters")


async def test_a_revoked_client_is_out_until_it_is_enabled(
    administrator: User, control_plane: OneMachine, one_sentence: OneSentence
) -> None:
    await administrator.run("jumplab", "create", "client", "outcast", "--save")
    await administrator.run("jumplab", "create", "lease", "theirs", "-l", "board=none", "--client", "outcast")
    revoked = await administrator.run("jumplab", "admin", "revoke", "client", "outcast")
    assert (revoked.status, revoked.out) == (0, 'client "outcast" revoked\n'), revoked.err
    shown = await administrator.run("jumplab", "get", "client", "outcast")
    assert shown.out.splitlines()[1].split()[:2] == ["outcast", "no"]
    refused = one_sentence(await administrator.run("jumplab", "get", "leases", "--client", "outcast"), 1)
    assert 'client "outcast" in namespace "default" is disabled' in refused
    kube = control_plane.client()
    kube.patch(f"{CLIENTS}/outcast", {"spec": {"enabled": True}}).ok()
    kube.close()
    assert (await administrator.run("jumplab", "get", "leases", "--client", "outcast")).status == 0
    unknown = await administrator.run("jumplab", "admin", "revoke", "client", "nobody")
    assert "not found" in one_sentence(unknown, 1)


async def test_a_revoked_exporter_is_disabled_and_has_another_token(administrator: User) -> None:
    before = yaml.safe_load((await administrator.run("jumplab", "create", "exporter", "stolen")).out)["token"]
    revoked = await administrator.run("jumplab", "admin", "revoke", "exp/stolen")
    assert (revoked.status, revoked.out) == (0, 'exporter "stolen" revoked\n'), revoked.err
    rotated = await administrator.run("jumplab", "create", "exporter", "stolen", "--rotate")
    assert rotated.status == 0, rotated.err
    assert yaml.safe_load(rotated.out)["token"] != before


async def test_a_lost_credential_is_replaced(administrator: User, one_sentence: OneSentence) -> None:
    await administrator.run("jumplab", "create", "client", "loser", "--save")
    path = administrator.places.client_path("loser")
    before = path.read_text()
    path.write_text(before.replace("- jumplab.drivers", "- acme"))
    rotated = await administrator.run("jumplab", "create", "client", "loser", "--rotate", "--save")
    assert (rotated.status, rotated.err) == (0, f'jumplab: client "loser" has a new token, in {path}\n')
    after = yaml.safe_load(path.read_text())
    assert after["drivers"]["allow"] == ["acme"], "what else the file says stays"
    assert after["token"] != yaml.safe_load(before)["token"]
    assert (await administrator.run("jumplab", "get", "leases", "--client", "loser")).status == 0
    path.write_text(before)
    refused = one_sentence(await administrator.run("jumplab", "get", "leases", "--client", "loser"), 1)
    assert "token" in refused, "the old one has ended"


async def test_an_exporter_s_drivers_stay_when_its_token_is_replaced(administrator: User, tmp_path: Path) -> None:
    file = tmp_path / "e.yaml"
    await administrator.run("jumplab", "create", "exporter", "rotated", "--out", str(file))
    file.write_text(file.read_text().replace("export: {}", "export: {power: {type: power/virtual}}"))
    assert (
        await administrator.run("jumplab", "create", "exporter", "rotated", "--rotate", "--out", str(file))
    ).status == 0
    assert yaml.safe_load(file.read_text())["export"] == {"power": {"type": "power/virtual"}}
    printed = await administrator.run("jumplab", "create", "exporter", "rotated", "--rotate")
    assert yaml.safe_load(printed.out)["token"] != yaml.safe_load(file.read_text())["token"]


async def test_a_file_gets_the_token_and_the_ca_that_are_in_force(
    administrator: User, tmp_path: Path, one_sentence: OneSentence
) -> None:
    file = tmp_path / "e.yaml"
    await administrator.run("jumplab", "create", "exporter", "late", "--out", str(file))
    right = yaml.safe_load(file.read_text())
    before = file.read_text().replace(right["token"], "old").replace(right["tls"]["ca"], "b2xk  # ours")
    file.write_text(before)
    said = await administrator.run("jumplab", "admin", "refresh", "exporter", "late", "--out", str(file))
    assert (said.status, said.err) == (0, f'jumplab: {file} has the token and the CA of exporter "late"\n')
    assert yaml.safe_load(file.read_text()) == right, "nothing was replaced"
    assert "# ours" in file.read_text()
    printed = await administrator.run("jumplab", "admin", "refresh", "exporter", "late")
    assert yaml.safe_load(printed.out) == right
    file.write_text(before.replace("ca: ", "caFile: "))
    refused = await administrator.run("jumplab", "admin", "refresh", "exporter", "late", "--out", str(file))
    assert 'write the key ca.crt of Secret "late-exporter" into that file' in one_sentence(refused, 2)
    assert file.read_text() == before.replace("ca: ", "caFile: ")
    unknown = await administrator.run("jumplab", "admin", "refresh", "client", "nobody")
    assert "not found" in one_sentence(unknown, 1)


async def test_nobody_s_token_is_replaced_in_another_s_file(
    administrator: User, tmp_path: Path, one_sentence: OneSentence
) -> None:
    file = tmp_path / "other.yaml"
    await administrator.run("jumplab", "create", "client", "first", "--out", str(file))
    before = file.read_text()
    await administrator.run("jumplab", "create", "client", "second")
    refused = await administrator.run("jumplab", "create", "client", "second", "--rotate", "--out", str(file))
    assert "is not the configuration of" in one_sentence(refused, 2)
    assert file.read_text() == before
    assert "not found" in one_sentence(await administrator.run("jumplab", "create", "client", "none", "--rotate"), 1)


async def test_nothing_is_created_whose_credential_can_not_be_written(
    administrator: User, one_sentence: OneSentence
) -> None:
    administrator.more["PROGRAM"] = str(PROGRAMS / "jumplab")
    process = await asyncio.create_subprocess_shell(
        "$PROGRAM create client unwritten >/dev/full",
        env=administrator.environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    failed = await outcome_of(process)
    assert failed.status == 1
    assert failed.err.splitlines() == [
        'jumplab: client "unwritten" was deleted again, since its configuration could not be written',
        "jumplab: standard output can't be written: No space left on device",
    ]
    assert "unwritten" not in await names(administrator, "clients")


@pytest.mark.needs("mount-namespace")
async def test_a_full_disk_is_noticed_before_anything_is_created(
    administrator: User, tmp_path: Path, one_sentence: OneSentence
) -> None:
    command = f"{PROGRAMS}/jumplab create client full --out {tmp_path}/c.yaml"
    script = f"mount -t tmpfs -o size=4k none {tmp_path} && exec {command}"
    process = await asyncio.create_subprocess_exec(
        *("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script),
        env=administrator.environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert "No space left on device" in one_sentence(await outcome_of(process), 2)
    assert "full" not in await names(administrator, "clients")


async def test_what_is_interrupted_is_not_left_behind(administrator: User) -> None:
    process = await administrator.start("jumplab", "create", "client", "interrupted")
    while "interrupted" not in await names(administrator, "clients") and process.returncode is None:
        pass
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
    ended = await outcome_of(process)
    assert "Traceback" not in ended.err
    # Once its file is out, it is the caller's, whatever the signal does to what is left of the program.
    assert bool(ended.out) == ("interrupted" in await names(administrator, "clients"))


async def test_a_scheduled_lease_shows_its_begin_and_its_tags(administrator: User) -> None:
    await administrator.run("jumplab", "create", "client", "planner", "--save")
    begin = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(days=1)
    asked = ("create", "lease", "--client", "planner", "-l", "board=none", "--name", "later", "--tag", "ticket=4711")
    created = await administrator.run("jumplab", *asked, "--begin", begin.isoformat(), "-o", "yaml")
    shown = await administrator.run("jumplab", "get", "lease", "later", "--client", "planner", "-o", "json")
    for lease in (yaml.safe_load(created.out), json.loads(shown.out)):
        assert (lease["begin"], lease["tags"]) == (f"{begin:%Y-%m-%dT%H:%M:%SZ}", {"ticket": "4711"})
    table = await administrator.run("jumplab", "get", "leases", "--client", "planner", TZ="UTC")
    assert "BEGINS" in table.out.splitlines()[0]
    assert f"{begin:%Y-%m-%d %H:%M} UTC" in table.out
    await administrator.run("jumplab", "delete", "lease", "later", "--client", "planner")


async def test_an_exporter_that_never_connected_has_lost_no_connection(administrator: User) -> None:
    await administrator.run("jumplab", "create", "client", "viewer", "--save")
    await administrator.run("jumplab", "create", "exporter", "never")
    shown = await administrator.run("jumplab", "get", "exporter", "never", "--client", "viewer", "-o", "yaml")
    assert yaml.safe_load(shown.out)["message"] == "it has not connected yet"
