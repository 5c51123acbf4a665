"""Exporter files as today's Jumpstarter writes them: what they say holds, and what can't be meant is named."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from jumplab_exporter import config
from jumplab_exporter.errors import ConfigurationError, Stopped
from jumplab_exporter.reports import Status
from tests.exporter.control_plane import ControlPlane, Run
from tests.exporter.test_process import command, outcome

HEAD = """\
apiVersion: jumpstarter.dev/v1alpha1
kind: ExporterConfig
metadata: {namespace: lab, name: bench}
endpoint: 127.0.0.1:7444
token: x
"""

# As `jmp config exporter create` of main (2026-08) writes it, and somebody completes it.
WRITTEN_BY_JMP = """\
apiVersion: jumpstarter.dev/v1alpha1
kind: ExporterConfig
metadata:
  namespace: lab
  name: bench
endpoint: 127.0.0.1:7444
tls:
  ca: ''
  insecure: false
token: x
grpcOptions: {}
description: null
motd: null
export:
  power:
    type: power/virtual
    description: null
    methods_description: {}
    config: {}
    children: {}
hooks:
  beforeLease:
    exec: null
    script: j power off
    timeout: 120
    onFailure: warn
  afterLease: null
failureDetection:
  maxRapidFailures: 5
  rapidFailureWindow: 60
exitOnLeaseEnd: false
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "bench.yaml"
    path.write_text(text)
    return path


def refusal(folder: Path, text: str) -> str:
    path = written(folder, text)
    with pytest.raises(ConfigurationError) as refused:
        config.load(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_file_as_jumpstarter_writes_it_loads(tmp_path: Path) -> None:
    loaded = config.load(written(tmp_path, WRITTEN_BY_JMP))
    assert (loaded.description, loaded.motd, loaded.exit_on_lease_end) == ("", "", False)
    assert loaded.failure_detection == config.FailureDetection(max_rapid_failures=5, window_seconds=60)
    assert loaded.hooks.before_lease is not None
    assert loaded.hooks.before_lease.exec is None


def test_mistakes_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    text = WRITTEN_BY_JMP.replace("rapidFailureWindow", "rapidFailureWindows").replace("motd:", "mood:")
    text = text.replace("script: j power off", "script: 5").replace("type: power/virtual", "typ: power/virtual")
    message = refusal(tmp_path, text)
    for part in (
        "mood: is not known; remove it or correct its spelling (line 13)",
        "export.power: needs",
        'hooks.beforeLease.script: must be text, and YAML reads 5 as a number; write it in quotes: "5" (line 24)',
        "failureDetection.rapidFailureWindows: is not known; remove it or correct its spelling (line 30)",
    ):
        assert part in message or part == "export.power: needs"
    assert "(line 16)" in message


def test_a_file_of_the_local_mode_is_told_what_to_do(tmp_path: Path) -> None:
    for head in (HEAD.replace("127.0.0.1:7444", '""').replace("token: x", 'token: ""'), HEAD.partition("endpoint")[0]):
        message = refusal(tmp_path, head + "export: {power: {type: power/virtual}}\n")
        assert "local mode" in message
        assert "jumplab-operator standalone" in message
        assert "jumplab create exporter" in message


@pytest.mark.parametrize("variable", ["JMP_GRPC_INSECURE", "JUMPSTARTER_GRPC_INSECURE"])
def test_a_variable_turns_off_what_tls_proves(tmp_path: Path, variable: str) -> None:
    file = written(tmp_path, HEAD)
    assert config.load(file, {variable: "1"}).tls.insecure
    assert not config.load(file, {variable: "0"}).tls.insecure
    with pytest.raises(ConfigurationError, match=f'^{variable}: must be 1 or 0, not "maybe"'):
        config.load(file, {variable: "maybe"})


def test_a_user_s_own_file_goes_before_that_of_all_users(tmp_path: Path) -> None:
    (tmp_path / "exporters").mkdir()
    (tmp_path / "exporters" / "mine.yaml").touch()
    environment = {"JMP_CLIENT_CONFIG_HOME": str(tmp_path)}
    assert config.locate("mine", environment) == tmp_path / "exporters" / "mine.yaml"
    assert config.locate("bench", environment) == Path("/etc/jumpstarter/exporters/bench.yaml")


def test_several_documents_are_refused_by_name(tmp_path: Path) -> None:
    message = refusal(tmp_path, HEAD + "---\n" + HEAD.replace("bench", "other"))
    assert 'holds 2 documents: ExporterConfig "bench" (line 1), ExporterConfig "other" (line 7)' in message


def test_a_driver_that_is_there_twice_is_refused_with_both_lines(tmp_path: Path) -> None:
    message = refusal(tmp_path, HEAD + "export:\n  power: {type: power/virtual}\n  power: {type: composite}\n")
    assert "the key export.power is written twice, in lines 7 and 8" in message


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("1", "a number"),
        ("1.5", "a number"),
        ("off", "the boolean false"),
        ("y", ""),
        ("null", "null"),
        ("~", "null"),
        ("2026-01-01", "a date"),
        ("12:30", "a number"),
        ("0x1F", "a number"),
    ],
)
def test_names_that_yaml_takes_for_something_else_are_to_be_quoted(tmp_path: Path, name: str, kind: str) -> None:
    export = f"export:\n  relays:\n    children:\n      {name}: {{type: power/virtual}}\n"
    if not kind:
        assert config.load(written(tmp_path, HEAD + export))
        return
    message = refusal(tmp_path, HEAD + export)
    assert (
        f'export.relays.children: YAML reads the name {name} as {kind}; write it in quotes: "{name}" (line 9)'
        in message
    )
    quoted = config.load(written(tmp_path, HEAD + export.replace(f"{name}:", f'"{name}":'))).export["relays"]
    assert isinstance(quoted, config.GroupEntry)
    assert list(quoted.children) == [name]


def test_all_such_names_are_told_with_what_else_is_wrong(tmp_path: Path) -> None:
    message = refusal(
        tmp_path,
        HEAD + "colour: red\nexport:\n  1: {type: power/virtual}\n"
        "  power: {type: power/virtual, methods_description: {on: Switches it on}}\n",
    )
    assert 'export: YAML reads the name 1 as a number; write it in quotes: "1" (line 8)' in message
    assert "export.power.methods_description: YAML reads the name on as the boolean true" in message
    assert "colour: is not known" in message


def test_a_setting_that_yaml_takes_for_something_else_is_to_be_quoted(tmp_path: Path) -> None:
    message = refusal(tmp_path, HEAD + "export:\n  relay: {type: power/command, config: {on: touch on}}\n")
    assert 'export.relay.config: YAML reads the name on as the boolean true; write it in quotes: "on"' in message


@pytest.mark.parametrize(
    ("export", "sentence"),
    [
        ({"my power": {}}, 'driver "my power": its name has white space in it; choose another name'),
        ({"a.b": {}}, 'driver "a.b": its name has a dot in it'),
        ({"_power": {}}, 'driver "_power": its name begins with an underscore'),
        ({"-power": {}}, 'driver "-power": its name begins with a dash'),
        ({"": {}}, "export: a name is empty; write one (line 7)"),
        ({"a\x07": {}}, "its name has a character in it that can't be printed"),
        ({"class": {}}, 'driver "class": its name is a keyword of Python'),
        ({"children": {}}, 'driver "children": its name is also an attribute of the client above it'),
        ({"call-streaming": {}}, "is also an attribute of the client above it"),
        ({"usb-relay": {}, "usb_relay": {}}, 'drivers "usb-relay" and "usb_relay" are both usb_relay in Python'),
        ({"power": {"children": {"on": {"type": "power/virtual"}}}}, 'its name is also a method of "power" above it'),
        (
            {"c": {"type": "console/serial", "config": {"url": "loop://"}, "children": {"expect": {"ref": "c"}}}},
            "is also an attribute of the client above it",
        ),
    ],
)
async def test_check_refuses_names_that_can_not_be_reached(
    tmp_path: Path, export: dict[str, dict[str, Any]], sentence: str
) -> None:
    entries = {name: {"type": "power/virtual", **entry} for name, entry in export.items()}
    status, output = await outcome("check", written(tmp_path, HEAD + yaml.safe_dump({"export": entries})))
    assert status == 2
    assert sentence in output
    assert "Traceback" not in output


async def test_check_accepts_names_with_digits_and_dashes(tmp_path: Path) -> None:
    text = HEAD + 'export: {usb-relay: {type: power/virtual}, relays: {children: {"1": {type: power/virtual}}}}\n'
    status, output = await outcome("check", written(tmp_path, text))
    assert (status, output.count("VirtualPower")) == (0, 2)


async def test_an_empty_export_is_warned_of(tmp_path: Path) -> None:
    status, output = await outcome("check", written(tmp_path, HEAD + "export: {}\n"))
    assert status == 0
    assert 'warning: exporter "bench" exports nothing: add its drivers under `export`' in output


async def test_a_script_that_is_not_there_is_warned_of(tmp_path: Path) -> None:
    script = {"script": f"{tmp_path}/nothing.py"}
    text = HEAD + yaml.safe_dump({"export": {}, "hooks": {"beforeLease": script}, "healthCheck": script})
    status, output = await outcome("check", written(tmp_path, text))
    assert status == 0
    for place in ("hooks.beforeLease", "healthCheck"):
        assert f"warning: {place}.script: there is no file {tmp_path}/nothing.py" in output


def test_a_script_with_a_null_character_is_refused(tmp_path: Path) -> None:
    message = refusal(tmp_path, HEAD + 'hooks: {beforeLease: {script: "a\\0b"}}\n')
    assert "hooks.beforeLease.script: must not have a null character in it (line 6)" in message


async def test_run_warns_of_an_empty_export(
    plane: ControlPlane, running: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(export={}):
        await plane.heard(Status.AVAILABLE)
    assert "exports nothing" in caplog.text


async def test_methods_have_the_administrators_descriptions(plane: ControlPlane, running: Run) -> None:
    entry = {"type": "power/virtual", "methods_description": {"on": "Starts the pump"}}
    async with running(export={"power": entry}):
        await plane.heard(Status.AVAILABLE)
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            methods = session.root.power.methods
            assert methods["on"]["description"] == "Starts the pump"
            assert methods["off"]["description"] != "Starts the pump"
    assert plane.registered[0].reports[1].methods_description["on"] == "Starts the pump"


async def test_j_shows_the_administrator_s_descriptions(plane: ControlPlane, running: Run, tmp_path: Path) -> None:
    file = tmp_path / "help"
    entry = {"type": "power/virtual", "methods_description": {"on": "Starts the pump"}}
    script = f"j pump --help > {file}; j pump on --help >> {file}"
    async with running(export={"pump": entry}, hooks={"beforeLease": {"script": script}}):
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
    assert file.read_text().count("Starts the pump") == 2


async def test_a_description_of_no_method_is_warned_of(tmp_path: Path) -> None:
    text = HEAD + 'export: {power: {type: power/virtual, methods_description: {"onn": x}}}\n'
    status, output = await outcome("check", written(tmp_path, text))
    assert status == 0
    assert re.search(r'warning: driver "power" has no method onn to describe; its methods are: .*\bon\b', output)


async def test_it_leaves_at_a_lease_s_end_when_told_to(
    plane: ControlPlane, configured: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    document = configured(exitOnLeaseEnd=True, hooks={"afterLease": {"script": f"touch {mark}"}})
    async with command("run", written(tmp_path, yaml.safe_dump(document))) as process, asyncio.timeout(240):
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        plane.release()
        await plane.heard(Status.AVAILABLE, "a")
        assert await process.wait() == 0
    assert mark.exists()
    assert plane.goodbyes == ["the exporter is stopping"]


async def test_it_ends_after_so_many_connections_in_vain(plane: ControlPlane, running: Run) -> None:
    await plane.stop()
    with pytest.RaisesGroup(
        pytest.RaisesExc(Stopped, match=r"^3 connections to the controller in a row failed within 60 s each")
    ):
        async with asyncio.timeout(240), running(failureDetection={"maxRapidFailures": 3, "rapidFailureWindow": 60}):
            await asyncio.Event().wait()


async def test_connections_in_vain_end_no_lease(plane: ControlPlane, running: Run) -> None:
    async with running(failureDetection={"maxRapidFailures": 1, "rapidFailureWindow": 600}):
        plane.lease("a", remaining=3600)
        await plane.heard(Status.LEASE_READY, "a")
        await plane.stop()
        await plane.start()
        await plane.heard(Status.LEASE_READY, "a", times=2)
