"""Configuration files: Jumpstarter's format, places and environment; every fault is one sentence that names it."""

from pathlib import Path

import pytest
import yaml

from jumplab.client.config import ClientConfig, Metadata
from jumplab.client.config_files import ConfigFiles, load_client
from jumplab.client.errors import ConfigurationError
from jumplab.private_files import write_private
from jumplab.transport.endpoint import Tls

MINIMAL = """\
apiVersion: jumpstarter.dev/v1alpha1
kind: ClientConfig
metadata: {namespace: lab, name: ci}
endpoint: lab.example.com:8082
token: abc
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "clients").mkdir()
    (tmp_path / "clients" / "ci.yaml").write_text(MINIMAL)
    return tmp_path


def environment_of(home: Path, **more: str) -> dict[str, str]:
    return {"JMP_CLIENT_CONFIG_HOME": str(home), **more}


def refusal(text: str, home: Path, **environment: str) -> str:
    (home / "clients" / "bad.yaml").write_text(text)
    with pytest.raises(ConfigurationError) as refused:
        load_client("bad", environment_of(home, **environment))
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_minimal_file_has_safe_defaults(home: Path) -> None:
    config = load_client("ci", environment_of(home))
    assert (config.endpoint, config.token) == ("lab.example.com:8082", "abc")
    assert config.drivers.allow == ("jumplab.drivers",)
    assert not config.drivers.unsafe
    assert not config.tls.insecure
    assert config.tls.trust() == Tls()


def test_the_token_is_not_in_what_gets_logged(home: Path) -> None:
    assert "abc" not in repr(load_client("ci", environment_of(home)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (MINIMAL + "endpiont: x\n", "endpiont: is not known; remove it or correct its spelling"),
        (MINIMAL + "tls: {cert: x}\n", "tls.cert: is not known"),
        (MINIMAL.replace("token: abc\n", ""), "token: is missing"),
        (MINIMAL.replace("abc", "'  '"), "token: a token is one word"),
        (MINIMAL.replace("abc", "two words"), "token: a token is one word"),
        (
            MINIMAL.replace("lab.example.com:8082", "https://lab/"),
            'endpoint: "https://lab/" is not of the form HOST:PORT',
        ),
        (MINIMAL.replace("ClientConfig", "ExporterConfig"), 'kind: must be "ClientConfig", not "ExporterConfig"'),
        (MINIMAL + "tls: {ca: nonsense}\n", "neither PEM certificates nor the base64 of them"),
        (MINIMAL + "x: [\n", "is not YAML"),
        ("just words\n", "expected a ClientConfig"),
        ("", "expected a ClientConfig"),
        (MINIMAL.replace("{namespace: lab, name: ci}", "lab"), 'metadata: must be a mapping, not "lab"'),
    ],
)
def test_a_fault_in_a_file_is_named_with_the_file(text: str, said: str, home: Path) -> None:
    message = refusal(text, home)
    assert said in message
    assert str(home / "clients" / "bad.yaml") in message


def test_a_missing_client_names_the_folder_and_those_that_exist(home: Path) -> None:
    with pytest.raises(ConfigurationError, match=r'no client configuration "nobody" in .*clients \(there are: ci\)'):
        load_client("nobody", environment_of(home))


def test_a_missing_file_named_in_the_environment_is_named(home: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"gone\.yaml: No such file"):
        load_client(None, environment_of(home, JMP_CLIENT_CONFIG=str(home / "gone.yaml")))


def test_nothing_configured_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="jumplab config client use NAME"):
        load_client(None, environment_of(tmp_path))


def test_the_current_client_is_the_one_in_force(home: Path) -> None:
    ConfigFiles(home).use_client("ci")
    assert load_client(None, environment_of(home)).metadata.name == "ci"
    assert yaml.safe_load((home / "config.yaml").read_text()) == {
        "apiVersion": "jumpstarter.dev/v1alpha1",
        "kind": "UserConfig",
        "config": {"current-client": "ci"},
    }


def test_a_client_without_a_file_can_not_become_the_current_one(home: Path) -> None:
    with pytest.raises(ConfigurationError, match='"nobody"'):
        ConfigFiles(home).use_client("nobody")
    assert not (home / "config.yaml").exists()


def test_a_name_can_not_leave_the_folder(home: Path) -> None:
    with pytest.raises(ConfigurationError, match="can't be the name"):
        load_client("../ci", environment_of(home))


def test_the_environment_overrides_single_settings_of_a_file(home: Path) -> None:
    config = load_client(
        "ci", environment_of(home, JMP_TOKEN="new", JMP_ENDPOINT="other:1", JMP_DRIVERS_ALLOW="jumplab.drivers, acme")
    )
    assert (config.token, config.endpoint) == ("new", "other:1")
    assert config.drivers.allow == ("jumplab.drivers", "acme")
    assert config.metadata == Metadata(namespace="lab", name="ci")


def test_the_environment_completes_a_file_that_lacks_a_setting(home: Path) -> None:
    (home / "clients" / "short.yaml").write_text(MINIMAL.replace("token: abc\n", ""))
    assert load_client("short", environment_of(home, JMP_TOKEN="t")).token == "t"


def test_the_environment_alone_is_enough(tmp_path: Path) -> None:
    config = load_client(
        None, environment_of(tmp_path, JMP_ENDPOINT="h:1", JMP_TOKEN="t", JMP_NAMESPACE="lab", JMP_NAME="ci")
    )
    assert config.endpoint == "h:1"


def test_unsafe_in_the_environment_allows_all_packages(home: Path) -> None:
    assert load_client("ci", environment_of(home, JMP_DRIVERS_ALLOW="UNSAFE")).drivers.unsafe


def test_places_follow_xdg() -> None:
    assert ConfigFiles.of({"XDG_CONFIG_HOME": "/x", "HOME": "/h"}).home == Path("/x/jumpstarter")
    assert ConfigFiles.of({"HOME": "/h"}).home == Path("/h/.config/jumpstarter")


def test_what_is_written_is_private_and_reads_back(home: Path) -> None:
    config = load_client("ci", environment_of(home))
    path = home / "clients" / "copy.yaml"
    write_private(path, config.to_yaml().encode())
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_client("copy", environment_of(home)) == config
    assert isinstance(config, ClientConfig)
