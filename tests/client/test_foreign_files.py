"""Files and variables that were made for Jumpstarter: what they say holds here, or is passed over, or is named."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

import jumplab
from jumplab.client import config as client_config
from jumplab.client.config_files import ConfigFiles, load_client
from jumplab.client.controller import Controller
from jumplab.client.errors import ConfigurationError, LeaseNotReady
from jumplab.client.sessions import reconnect_within
from tests.client.authority import Authority
from tests.client.bench import Bench
from tests.client.lab_double import become_pending, config_for

# As `jmp login` of main (2026-08) writes it.
WRITTEN_BY_JMP = """\
apiVersion: jumpstarter.dev/v1alpha1
kind: ClientConfig
metadata:
  namespace: default
  name: me
endpoint: 127.0.0.1:7444
tls:
  ca: ''
  insecure: false
token: x
refresh_token: y
grpcOptions:
  grpc.keepalive_time_ms: 20000
drivers:
  allow:
  - vendorpackage.*
  unsafe: false
shell:
  use_profiles: false
leases:
  acquisition_timeout: 7200
  dial_timeout: 60.0
  retry_timeout: 300.0
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "clients").mkdir()
    (tmp_path / "clients" / "me.yaml").write_text(WRITTEN_BY_JMP)
    return tmp_path


def loaded(home: Path, **environment: str) -> client_config.ClientConfig:
    return load_client("me", {"JMP_CLIENT_CONFIG_HOME": str(home), **environment})


def refusal(home: Path, text: str | None = None, environment: Mapping[str, str] | None = None) -> str:
    if text is not None:
        (home / "clients" / "me.yaml").write_text(text)
    with pytest.raises(ConfigurationError) as refused:
        loaded(home, **(environment or {}))
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_file_as_jmp_writes_it_loads_and_its_waits_hold(home: Path) -> None:
    config = loaded(home)
    assert config.drivers.allow == ("vendorpackage",)
    assert config.patience.wait_timeout == timedelta(hours=2)
    assert config.patience.dial_within == timedelta(minutes=1)
    assert reconnect_within(config, None) == timedelta(minutes=5)
    assert "y" not in repr(config).partition("token")[2]


def test_what_has_no_effect_is_said_once_at_debug(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="jumplab"):
        loaded(home)
        loaded(home)
    said = [record for record in caplog.records if "without effect" in record.getMessage()]
    assert [record.levelname for record in said] == ["DEBUG"]
    for key in ("refresh_token", "grpcOptions", "shell"):
        assert key in said[0].getMessage()


@pytest.mark.parametrize("waits", ["{}", "null", "{acquisition_timeout: 10m}", "{retry_timeout: 0}"])
def test_the_section_of_waits_may_be_short(home: Path, waits: str) -> None:
    (home / "clients" / "me.yaml").write_text(WRITTEN_BY_JMP.partition("leases:")[0] + f"leases: {waits}\n")
    patience = loaded(home).patience
    assert patience.wait_timeout == (timedelta(minutes=10) if "10m" in waits else None)


def test_no_retry_is_as_good_as_no_time(home: Path) -> None:
    config = loaded(home, JMP_RETRY_TIMEOUT="0")
    assert timedelta(0) < reconnect_within(config, None) < timedelta(seconds=1)
    assert reconnect_within(config, timedelta(minutes=1)) == timedelta(minutes=1)


def test_mistakes_are_told_at_once_with_their_lines(home: Path) -> None:
    text = WRITTEN_BY_JMP.replace("endpoint:", "endpiont:").replace("use_profiles", "use_profile")
    text = text.replace("acquisition_timeout: 7200", "acquisition_timeout: soon")
    message = refusal(home, text)
    assert f"{home}/clients/me.yaml: " in message
    for part in (
        "endpoint: is missing (line 1)",
        "endpiont: is not known; remove it or correct its spelling (line 6)",
        "shell.use_profile: is not known; remove it or correct its spelling (line 19)",
        'leases.acquisition_timeout: "soon" is not a duration',
        "(line 21)",
    ):
        assert part in message


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            "name: 123",
            'metadata.name: must be text, and YAML reads 123 as a number; write it in quotes: "123" (line 5)',
        ),
        (
            "name: off",
            'metadata.name: must be text, and YAML reads off as the boolean false; write it in quotes: "off"',
        ),
        ("name: 2026-01-01", "YAML reads 2026-01-01 as a date"),
    ],
)
def test_text_that_yaml_takes_for_something_else_is_to_be_quoted(home: Path, line: str, sentence: str) -> None:
    assert sentence in refusal(home, WRITTEN_BY_JMP.replace("name: me", line))


def test_a_token_is_never_shown(home: Path) -> None:
    message = refusal(home, WRITTEN_BY_JMP.replace("token: x\n", "token: 4711\n"))
    assert "token: must be text; write it in quotes" in message
    assert "4711" not in message


def test_a_key_that_is_there_twice_is_named_with_both_lines(home: Path) -> None:
    message = refusal(home, WRITTEN_BY_JMP + "token: z\n")
    assert "the key token is written twice, in lines 10 and 24; remove one of them" in message


def test_several_documents_in_one_file_are_named(home: Path) -> None:
    message = refusal(home, WRITTEN_BY_JMP + "---\n" + WRITTEN_BY_JMP.replace("name: me", "name: you"))
    assert 'holds 2 documents: ClientConfig "me" (line 1), ClientConfig "you" (line 25)' in message


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"JMP_ENDPOINT": "https://lab/"}, 'JMP_ENDPOINT: "https://lab/" is not of the form HOST:PORT'),
        ({"JMP_TOKEN": "two words"}, "JMP_TOKEN: a token is one word"),
        ({"JMP_GRPC_INSECURE": "maybe"}, 'JMP_GRPC_INSECURE: must be 1 or 0, not "maybe"'),
        ({"JMP_RETRY_TIMEOUT": "-1"}, "JMP_RETRY_TIMEOUT: must be at least 0"),
        ({"JMP_DIAL_TIMEOUT": "soon"}, 'JMP_DIAL_TIMEOUT: "soon" is not a duration'),
    ],
)
def test_a_fault_in_a_variable_is_named_with_the_variable_alone(
    home: Path, environment: dict[str, str], sentence: str
) -> None:
    message = refusal(home, environment=environment)
    assert message.startswith(sentence)
    assert "me.yaml" not in message


def test_faults_of_a_file_and_of_variables_are_told_together(home: Path) -> None:
    message = refusal(home, WRITTEN_BY_JMP + "colour: red\n", {"JMP_ENDPOINT": "nowhere"})
    assert "me.yaml: colour: is not known" in message
    assert '; JMP_ENDPOINT: "nowhere" is not of the form' in message


@pytest.mark.parametrize("variable", ["JMP_GRPC_INSECURE", "JUMPSTARTER_GRPC_INSECURE"])
@pytest.mark.parametrize(("value", "insecure"), [("1", True), ("true", True), ("0", False), ("", False)])
def test_either_variable_turns_off_what_tls_proves(home: Path, variable: str, value: str, insecure: bool) -> None:
    assert loaded(home, **{variable: value}).tls.insecure is insecure


@pytest.mark.parametrize(
    ("environment", "allow", "unsafe"),
    [
        ({"JMP_DRIVERS_ALLOW": "acme,other.*"}, ("acme", "other"), False),
        ({"JMP_DRIVERS_ALLOW": "UNSAFE"}, (), True),
        ({"JMP_DRIVERS_ALLOW": "acme,UNSAFE"}, ("acme",), True),
        ({"JMP_DRIVERS_UNSAFE": "true"}, ("vendorpackage",), True),
    ],
)
def test_packages_are_allowed_by_variables(
    home: Path, environment: dict[str, str], allow: tuple[str, ...], unsafe: bool
) -> None:
    drivers = loaded(home, **environment).drivers
    assert (drivers.allow, drivers.unsafe) == (allow, unsafe)


def test_unsafe_in_a_file_s_list_is_jumpstarters_way_to_allow_all(home: Path) -> None:
    (home / "clients" / "me.yaml").write_text(WRITTEN_BY_JMP.replace("vendorpackage.*", "UNSAFE"))
    assert loaded(home).drivers.unsafe


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"JMP_CLIENT_CONFIG": "/nowhere.yaml"}, "JMP_CLIENT_CONFIG: /nowhere.yaml: No such file"),
        ({"JMP_CLIENT": "nobody"}, 'JMP_CLIENT: no client configuration "nobody"'),
        ({"JMP_ENDPOINT": "h:1", "JMP_TOKEN": "t"}, "set JMP_NAMESPACE, JMP_NAME beside JMP_ENDPOINT, JMP_TOKEN"),
    ],
)
def test_a_variable_that_leads_nowhere_is_named(home: Path, environment: dict[str, str], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        load_client(None, {"JMP_CLIENT_CONFIG_HOME": str(home), **environment})


def test_the_environment_alone_needs_no_home() -> None:
    whole = {"JMP_ENDPOINT": "h:1", "JMP_TOKEN": "t", "JMP_NAMESPACE": "lab", "JMP_NAME": "ci"}
    assert load_client(None, {**whole, "JMP_CLIENT_CONFIG_HOME": "/proc/nowhere"}).endpoint == "h:1"


@pytest.mark.parametrize("current", ["5", "[me]", "{name: me}"])
def test_a_current_client_that_is_no_name_is_a_sentence(home: Path, current: str) -> None:
    (home / "config.yaml").write_text(f"config: {{current-client: {current}}}\n")
    with pytest.raises(ConfigurationError, match="expected a UserConfig with the name of a client"):
        ConfigFiles(home).current_client()


async def test_the_file_says_how_long_to_dial(bench: Bench, authority: Authority) -> None:
    waits = client_config.LeaseSettings(dial_timeout=42)
    config = config_for(bench.port, authority).model_copy(update={"leases": waits})
    async with Controller.connected(config) as controller:
        assert controller.dial_within == timedelta(seconds=42)
    async with Controller.connected(config_for(bench.port, authority)) as controller:
        assert controller.dial_within is None


async def test_the_file_says_how_long_to_wait_where_the_caller_does_not(bench: Bench, authority: Authority) -> None:
    bench.lab.place = become_pending
    waits = client_config.LeaseSettings(acquisition_timeout=0.3)
    config = config_for(bench.port, authority).model_copy(update={"leases": waits})
    with pytest.raises(LeaseNotReady, match=r"not ready within 0\.3s"):
        async with asyncio.timeout(240), jumplab.lease("board=x", name="demo", client=config):
            raise AssertionError("it is never ready")
