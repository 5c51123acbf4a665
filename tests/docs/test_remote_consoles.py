"""docs/drivers/console-remote.md: each configuration of it works at its counterpart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from jumplab.driver.driver import configuration_of
from jumplab.testing import serve
from jumplab_exporter.config import LocalConfig
from jumplab_exporter.driver_factory import build_drivers, driver_class
from tests.docs.pages import ROOT, blocks
from tests.drivers.inetd import TELNETD, Inetd
from tests.drivers.sshd import sshd_in

PAGE = "docs/drivers/console-remote.md"
PATIENCE_SECONDS = 240


@contextmanager
def served(kind: str, **settings: Any) -> Iterator[Any]:
    """The console of the page's configuration, with some settings replaced by those of the counterpart."""
    [text] = [each for each in blocks(PAGE) if f"type: {kind}\n" in each]
    export = yaml.safe_load(text)
    export["console"]["config"].update(settings)
    read = {"apiVersion": "jumpstarter.dev/v1alpha1", "kind": "ExporterConfig", "export": export}
    with serve(**build_drivers(LocalConfig.model_validate(read).export)) as board:
        yield board.console


@pytest.mark.needs("telnetd")
def test_the_configuration_for_telnet() -> None:
    assert TELNETD is not None
    with (
        Inetd([TELNETD, "-E", "/bin/sh"]) as server,
        served("console/telnet", host="127.0.0.1", port=server.port) as console,
    ):
        console.send("echo $((6 * 7))\n")
        console.expect("42", timeout=PATIENCE_SECONDS)


@pytest.mark.needs("sshd")
def test_the_configuration_for_ssh(tmp_path: Path) -> None:
    with sshd_in(tmp_path) as sshd, served("console/ssh", **sshd.settings) as console:
        console.send("hello\n")
        console.expect("hello\r\nhello\r\n", timeout=PATIENCE_SECONDS)


def test_the_configuration_for_a_command(tmp_path: Path) -> None:
    (tmp_path / "ipmitool").write_text('#!/bin/sh\necho "$@ at $TERM"\nexec cat\n')
    (tmp_path / "ipmitool").chmod(0o755)
    [text] = [each for each in blocks(PAGE) if "type: console/command\n" in each]
    words = yaml.safe_load(text)["console"]["config"]["command"].split()
    with served("console/command", command=[str(tmp_path / words[0]), *words[1:]]) as console:
        console.expect("sol activate at vt100", timeout=PATIENCE_SECONDS, since="lease")


@pytest.mark.parametrize("kind", ["console/telnet", "console/ssh", "console/command"])
def test_the_tables_have_every_setting(kind: str) -> None:
    section = (ROOT / PAGE).read_text().split(f"\n## {kind}\n", 1)[1].split("\n## ", 1)[0]
    named = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|(.*?)\|", section, re.MULTILINE))))
    assert named == set(configuration_of(driver_class(kind)).model_fields) - {"required", "memory_kib", "disk_mib"}


def test_the_test_of_the_page_passes() -> None:
    names: dict[str, Any] = {}
    exec(next(each for each in blocks(PAGE) if "def test_" in each), names)
    names["test_the_version_is_read"]()
