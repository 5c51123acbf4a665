"""The configuration file, and what is said of one that is wrong."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from jumplab_exporter import config
from jumplab_exporter.errors import ConfigurationError
from jumplab_exporter.hooks.command import command_of
from jumplab_operator import pki

COMPLETE: dict[str, Any] = {
    "apiVersion": "jumpstarter.dev/v1alpha1",
    "kind": "ExporterConfig",
    "metadata": {"namespace": "lab", "name": "bench"},
    "endpoint": "lab.example.com:8082",
    "token": "secret",
    "tls": {"ca": "", "insecure": True},
    "grpcOptions": {"grpc.keepalive_time_ms": 10000},
    "description": "The bench by the window",
    "motd": "Mind the fan",
    "export": {
        "board": {
            "description": "all of it",
            "children": {
                "power": {"type": "power/virtual", "config": None, "description": "the relay"},
                "console": {"ref": "console"},
            },
        },
        "console": {"type": "console/serial", "config": {"url": "/dev/ttyUSB0"}, "children": {}},
    },
    "hooks": {
        "beforeLease": {"script": "true", "exec": "/bin/bash -e", "timeout": 5, "onFailure": "endLease"},
        "afterLease": {"script": "true"},
    },
}

Write = Callable[[Any], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(document: Any) -> Path:
        path = tmp_path / "bench.yaml"
        path.write_text(document if isinstance(document, str) else yaml.safe_dump(document))
        return path

    return write


def test_a_complete_file_is_read(write: Write) -> None:
    loaded = config.load(write(COMPLETE))
    assert loaded.metadata == config.Metadata(namespace="lab", name="bench")
    board = loaded.export["board"]
    assert isinstance(board, config.GroupEntry)
    assert board.children["console"] == config.RefEntry(ref="console")
    assert loaded.hooks.before_lease is not None
    assert command_of(loaded.hooks.before_lease) == ("/bin/bash", "-e", "-c", "true")
    assert loaded.hooks.before_lease.on_failure is config.OnFailure.END_LEASE
    assert loaded.hooks.after_lease is not None
    assert loaded.hooks.after_lease.timeout_seconds == 120


def test_the_token_is_not_shown() -> None:
    assert "secret" not in repr(config.ExporterConfig.model_validate(COMPLETE))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"exprot": {}}, "exprot: is not known"),
        ({"token": " "}, "token: must be one word"),
        ({"token": "two words"}, "token: must be one word"),
        ({"endpoint": ""}, 'endpoint: "" is not of the form HOST:PORT'),
        ({"kind": "ClientConfig"}, 'kind: must be "ExporterConfig", not "ClientConfig"'),
        ({"metadata": {"name": "bench"}}, "metadata.namespace: is missing"),
        ({"tls": {"ca": "LS0t"}}, "tls.ca: is neither PEM certificates"),
        ({"export": ["power"]}, "export: must be a mapping, not a list"),
        ({"export": {"power": {"typ": "x"}}}, "export.power: needs one of the keys `type`, `children` or `ref`"),
        ({"export": {"power": {"type": "x", "cfg": {}}}}, "export.power.cfg: is not known"),
        ({"export": {"b": {"children": {"c": 5}}}}, "export.b.children.c: must be a mapping with"),
        (
            {"hooks": {"beforeLease": {"script": "x", "onFailure": "panic"}}},
            'hooks.beforeLease.onFailure: must be "warn"',
        ),
        (
            {"hooks": {"beforeLease": {"script": "x", "timeout": 0}}},
            "hooks.beforeLease.timeout: must be greater",
        ),
        ({"hooks": {"beforeLease": {"script": "x", "exec": "'"}}}, "hooks.beforeLease.exec: No closing quotation"),
    ],
)
def test_what_is_wrong_is_named_with_key_and_file(write: Write, change: dict[str, Any], sentence: str) -> None:
    path = write({**COMPLETE, **change})
    with pytest.raises(ConfigurationError, match=re.escape(f"{path}: {sentence}")):
        config.load(path)


@pytest.mark.parametrize(("text", "sentence"), [("a: [", "is not YAML"), ("- a", "must be a mapping")])
def test_what_is_no_configuration_at_all_is_refused(write: Write, text: str, sentence: str) -> None:
    path = write(text)
    with pytest.raises(ConfigurationError, match=re.escape(f"{path}: {sentence}")):
        config.load(path)


def test_a_path_is_a_path_and_a_name_is_in_the_usual_place() -> None:
    assert config.locate("./bench") == Path("bench")
    assert config.locate("bench.yaml") == Path("bench.yaml")
    assert config.locate("bench") == Path("/etc/jumpstarter/exporters/bench.yaml")


def test_the_token_and_the_ca_may_lie_in_files_beside_the_configuration(write: Write, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-a-file\n")
    certificate = pki.make_authority(datetime.now(UTC)).certificate_pem
    (tmp_path / "ca.crt").write_bytes(certificate)
    others = {key: value for key, value in COMPLETE.items() if key != "token"}
    loaded = config.load(write({**others, "tokenFile": "token", "tls": {"caFile": str(tmp_path / "ca.crt")}}))
    assert loaded.token == "from-a-file"
    assert loaded.tls.trust().ca_pem == certificate


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"tokenFile": "token"}, "`token` and `tokenFile` exclude each other; remove one"),
        ({"token": "", "tokenFile": "nowhere"}, r"`tokenFile` \S+/nowhere can't be read"),
        ({"token": "", "tokenFile": "/dev/null"}, "`tokenFile` /dev/null is empty; write the token into it"),
        ({"tls": {"caFile": "nowhere"}}, r"`tls.caFile` \S+/nowhere can't be read"),
    ],
)
def test_a_file_that_is_named_must_be_there_and_be_the_only_word(
    write: Write, change: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        config.load(write({**COMPLETE, **change}))
