"""An exporter's configuration is read again when one of its files has changed, and only then."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from jumplab_exporter.config import load
from jumplab_exporter.followed_config import followed
from jumplab_operator import pki
from tests.exporter.test_config import COMPLETE


def put(file: Path, content: bytes) -> None:
    """A new file in its place, as `install` and mounted Secrets have it."""
    beside = file.with_suffix(".new")
    beside.write_bytes(content)
    os.replace(beside, file)


def ca() -> bytes:
    return pki.make_authority(datetime.now(UTC)).certificate_pem


def test_each_file_is_followed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config, first, second = tmp_path / "bench.yaml", ca(), ca()
    others = {key: value for key, value in COMPLETE.items() if key not in ("token", "tls")}
    document = {**others, "tokenFile": "token", "tls": {"caFile": "ca.crt"}}
    put(tmp_path / "token", b"one")
    put(tmp_path / "ca.crt", first)
    put(config, yaml.safe_dump(document).encode())
    setting = followed(load(config), config)
    seen = setting.now()
    assert (seen.token, seen.tls.trust().ca_pem) == ("one", first)
    assert setting.now() is seen

    put(tmp_path / "ca.crt", second)
    assert setting.now().tls.trust().ca_pem == second
    put(tmp_path / "token", b"two")
    assert setting.now().token == "two"

    put(tmp_path / "ca.crt", b"half a certifi")
    assert setting.now().tls.trust().ca_pem == second
    assert setting.now().token == "two"
    (said,) = caplog.messages
    assert said.endswith("; the token and the CA that were read before are still used")

    put(tmp_path / "elsewhere.crt", first)
    put(config, yaml.safe_dump({**document, "tls": {"caFile": "elsewhere.crt"}}).encode())
    assert setting.now().tls.trust().ca_pem == first
    put(tmp_path / "elsewhere.crt", second)
    assert setting.now().tls.trust().ca_pem == second
