"""The JSON schema of configuration files: it takes what the exporter takes, and marks the usual mistakes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from jumplab_exporter.config import LocalConfig
from jumplab_exporter.driver_catalogue import example_of
from jumplab_exporter.driver_factory import driver_class
from jumplab_exporter.schema.descriptions import descriptions_of
from jumplab_exporter.schema.document import installed_kinds, own_kinds, schema_of_file
from tests.docs.kinds import kind_of
from tests.docs.pages import ROOT, all_blocks

SCHEMA = schema_of_file(own_kinds())
HEAD: Mapping[str, Any] = {"apiVersion": "jumpstarter.dev/v1alpha1", "kind": "ExporterConfig"}
CONTROLLED: Mapping[str, Any] = {
    **HEAD,
    "metadata": {"namespace": "lab", "name": "bench"},
    "endpoint": "lab.example.com:443",
    "token": "abc",
}
EXAMPLES = sorted((ROOT / "examples").glob("exporter*.yaml"))


def faults(document: Any) -> list[str]:
    """What the schema finds wrong, each with its place."""
    return [f"{error.json_path}: {error.message}" for error in Draft7Validator(SCHEMA).iter_errors(document)]


def exporting(**entries: Any) -> dict[str, Any]:
    return {**HEAD, "export": entries}


def configured(kind: str, **config: Any) -> dict[str, Any]:
    return exporting(device={"type": kind, "config": config})


def as_file(content: Any) -> dict[str, Any] | None:
    """A file that an example of the documentation is, or is a part of; None: it is of something else."""
    if not isinstance(content, dict) or not content:
        return None
    if content.get("kind", "ExporterConfig") != "ExporterConfig":
        return None
    keys = {name.alias or key for key, name in LocalConfig.model_fields.items()} | {"tokenFile"}
    if "export" in content or content.keys() <= keys:
        return {**HEAD, **content}
    entries = [entry for entry in content.values() if isinstance(entry, dict)]
    if len(entries) == len(content) and all(
        entry.keys() & {"type", "ref"} and "driver" not in entry for entry in entries
    ):
        return exporting(**content)
    return None


def documented() -> list[Any]:
    """The examples of exporters' files on all pages."""
    found = []
    for page in sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]):
        for block in all_blocks(str(page.relative_to(ROOT))):
            if kind_of(block) == "yaml":
                files = [as_file(content) for content in yaml.safe_load_all(block.text)]
                found += [pytest.param(file, id=block.place) for file in files if file is not None]
    return found


def test_the_schema_is_one() -> None:
    Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_it_takes_the_examples(path: Path) -> None:
    assert faults(yaml.safe_load(path.read_text())) == []


@pytest.mark.parametrize("file", documented())
def test_it_takes_each_example_of_the_documentation(file: Any) -> None:
    assert faults(file) == []


def test_there_are_examples_on_many_pages() -> None:
    assert len(documented()) > 30


@pytest.mark.parametrize("kind", own_kinds())
def test_it_takes_the_example_of_each_driver(kind: str) -> None:
    assert faults(exporting(**yaml.safe_load(example_of(kind, driver_class(kind))))) == []


@pytest.mark.parametrize(
    "file",
    [
        CONTROLLED,
        {**HEAD, "export": None, "metadata": None, "hooks": None, "description": None},
        {
            **{key: CONTROLLED[key] for key in CONTROLLED if key != "token"},
            "tokenFile": "token",
            "tls": {"caFile": "ca"},
        },
        {**CONTROLLED, "hooks": {"beforeLease": {"script": "true", "timeout": "2m"}, "afterLease": {"script": "x"}}},
        {**CONTROLLED, "hooks": {"beforeLease": {"script": "true", "timeout": 20, "onFailure": "endLease"}}},
        {**CONTROLLED, "failureDetection": {"rapidFailureWindow": "90s"}},
        {**CONTROLLED, "consoleLogs": {"keep": "12h", "size": "512MiB"}, "auditLog": {"file": "/var/log/a"}},
        exporting(pump={"type": "power/virtual", "isolate": True}, same={"ref": "pump"}),
        exporting(pump={"type": "power/virtual", "isolate": {"memory": "512MiB"}}),
        exporting(pump={"type": "power/virtual", "isolate": {"memory": 1 << 29}}),
        exporting(relays={"children": {"1": {"type": "power/virtual"}, "2": {"ref": "relays.1"}}}),
        exporting(own={"type": "acme.relays.Relay", "config": {"anything": ["goes"]}}),
        configured("console/serial", url="/dev/ttyUSB0", dtr=False, char_delay="5ms", memory_kib="2MiB"),
        configured("console/serial", url="/dev/ttyUSB0", dtr="off", char_delay=0.005),
        configured("console/command", command="minicom -o"),
        configured("console/command", command=["minicom", "-o"]),
        configured("shell/local", commands={"reset": "usbreset 1", "list": ["ls"], "one": {"command": "ls"}}),
        configured("power/http", on_request="http://a/1", off_request={"url": "http://a/0", "method": "POST"}),
        configured("power/shelly", url="http://a", password={"from": "file", "path": "/etc/secret"}, timeout="2s"),
        configured("power/snmp", host="pdu", version=3, user="u", model="apc", outlet=1),
    ],
    ids=range(20),
)
def test_it_takes_each_way_to_write_a_setting(file: Any) -> None:
    assert faults(file) == []


@pytest.mark.parametrize(
    ("file", "place"),
    [
        ({**CONTROLLED, "moot": "x"}, "$"),
        ({key: CONTROLLED[key] for key in CONTROLLED if key != "token"}, "$"),
        ({key: CONTROLLED[key] for key in CONTROLLED if key != "endpoint"}, "$"),
        ({**CONTROLLED, "tokenFile": "token"}, "$"),
        ({**CONTROLLED, "metadata": {"name": "bench"}}, "$.metadata"),
        ({**CONTROLLED, "kind": "Exporter"}, "$.kind"),
        ({**CONTROLLED, "hooks": {"before": {"script": "x"}}}, "$.hooks"),
        ({**CONTROLLED, "hooks": {"beforeLease": {"script": "x", "timeout": "fast"}}}, "$.hooks"),
        ({**CONTROLLED, "hooks": {"beforeLease": {"script": "x", "onFailure": "stop"}}}, "$.hooks"),
        (exporting(power={"type": "power/htpp"}), "$.export.power.type"),
        (exporting(power={"config": {}}), "$.export.power"),
        (exporting(power={"type": "power/virtual", "option": 1}), "$.export.power"),
        (exporting(power={"ref": "other", "type": "power/virtual"}), "$.export.power"),
        (exporting(power="power/virtual"), "$.export.power"),
        (exporting(**{"my power": {"type": "power/virtual"}}), "$.export"),
        (exporting(a={"children": {"b": {"type": "power/virtual", "isolate": True}}}), "$.export.a.children.b"),
        (exporting(power={"type": "power/shelly"}), "$.export.power"),
        (configured("power/shelly", url="http://a", pasword={"from": "env", "name": "X"}), "$.export.device.config"),
        (configured("power/shelly", url="http://a", password="secret"), "$.export.device.config.password"),
        (configured("power/shelly", url="http://a", password={"from": "file"}), "$.export.device.config.password"),
        (configured("power/shelly", url="http://a", relay="first"), "$.export.device.config.relay"),
        (configured("power/shelly", url="http://a", timeout="soon"), "$.export.device.config.timeout"),
        (configured("console/serial", url="/dev/ttyUSB0", parity="uneven"), "$.export.device.config.parity"),
        (configured("console/serial", url="/dev/ttyUSB0", baudrate=0), "$.export.device.config.baudrate"),
        (configured("console/serial"), "$.export.device.config"),
        (
            configured("shell/ssh", host="a", user="b", host_key="c", private_key="---"),
            "$.export.device.config.private",
        ),
        (configured("power/uhubctl", hub="1-1", port=99), "$.export.device.config.port"),
    ],
    ids=range(27),
)
def test_it_refuses_typical_mistakes_at_their_place(file: Any, place: str) -> None:
    assert [fault for fault in faults(file) if fault.startswith(place)], faults(file)


def test_settings_carry_the_words_of_the_docstring() -> None:
    settings = SCHEMA["$defs"]["config-of-console-serial"]
    assert settings["description"].startswith("The console on a serial port.")
    assert settings["properties"]["baudrate"]["description"] == "bits per second"
    assert SCHEMA["properties"]["endpoint"]["description"] == "the controller, as host:port."


def test_a_docstring_of_several_lines_gives_each_name_its_words() -> None:
    class Relay:
        """A relay.  url, host: where
        it is: there;  port: which.

        Later.  unknown: x.
        """

    assert descriptions_of(Relay, ["url", "host", "port"]) == {
        "url": "where it is: there",
        "host": "where it is: there",
        "port": "which.",
    }


def test_the_command_prints_it_with_all_types_that_are_installed() -> None:
    program = Path(sys.executable).with_name("jumplab-exporter")
    printed = subprocess.run([program, "schema"], capture_output=True, text=True, check=True)
    assert json.loads(printed.stdout) == schema_of_file(installed_kinds())


def test_the_copy_that_editors_use_has_drivers_of_this_package() -> None:
    copy = json.loads((ROOT / "docs/schemas/exporter-config.json").read_text())
    types = [each["const"] for each in copy["$defs"]["type"]["anyOf"] if "const" in each]
    assert set(types) <= set(own_kinds())  # `make verify` compares the whole
