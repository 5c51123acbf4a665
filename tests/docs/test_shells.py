"""docs/drivers/shell.md: each configuration of it is served by its counterpart, and its code runs."""

from __future__ import annotations

import re
import shlex
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from jumplab.driver import DriverClient
from jumplab.driver.driver import configuration_of
from jumplab.testing import serve
from jumplab_exporter.config import LocalConfig
from jumplab_exporter.driver_factory import build_drivers, driver_class
from tests.docs.pages import ROOT, blocks
from tests.drivers.sshd import PASSWORD, sshd_in

PAGE = "docs/drivers/shell.md"


def configurations(kind: str) -> list[dict[str, Any]]:
    return [yaml.safe_load(each) for each in blocks(PAGE) if each.startswith(f"shell:\n  type: {kind}\n")]


@contextmanager
def served(export: dict[str, Any], **settings: Any) -> Iterator[DriverClient]:
    """The board of a configuration of the page, with some settings replaced by those of the counterpart."""
    export["shell"]["config"].update(settings)
    read = {"apiVersion": "jumpstarter.dev/v1alpha1", "kind": "ExporterConfig", "export": export}
    with serve(**build_drivers(LocalConfig.model_validate(read).export)) as board:
        yield board


@pytest.mark.needs("sshd")
def test_the_configuration_with_a_key_and_the_code_at_the_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "settings.txt").write_text("speed=2\n")
    code = blocks(PAGE)[0].replace("/tmp/", f"{tmp_path}/")
    with sshd_in(tmp_path) as sshd, served(configurations("shell/ssh")[0], **sshd.settings) as board:
        exec(code.replace(f'"{tmp_path}/settings.txt"', f'"{tmp_path}/there"'), {"board": board})
    assert (tmp_path / "settings").read_text() == "speed=1\n"
    assert (tmp_path / "back.txt").read_text() == "speed=2\n"
    assert capsys.readouterr().out


@pytest.mark.needs("sshd")
def test_the_code_that_forwards_a_port(tmp_path: Path) -> None:
    code = next(each for each in blocks(PAGE) if each.startswith("with board.shell.network"))
    with ExitStack() as stack:
        service = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        sshd = stack.enter_context(sshd_in(tmp_path))
        board = stack.enter_context(served(configurations("shell/ssh")[0], **sshd.settings))

        def connect(host: str, port: int) -> None:
            with socket.create_connection((host, port)) as here, service.accept()[0] as there:
                there.sendall(b"welcome")
                assert here.recv(7) == b"welcome"

        exec(code.replace("80", str(service.getsockname()[1])), {"board": board, "connect": connect})


@pytest.mark.needs("sshd")
@pytest.mark.needs("unshare")
def test_the_configuration_with_a_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOARD_PASSWORD", PASSWORD)
    with sshd_in(tmp_path, password=True) as sshd:
        theirs = {**sshd.settings}
        del theirs["private_key"]
        with served(configurations("shell/ssh")[1], **theirs) as board:
            assert getattr(board, "shell").run(["true"]).status == 0  # noqa: B009 - type checkers don't know it


def test_the_configuration_for_the_lab_host(tmp_path: Path) -> None:
    [export] = configurations("shell/local")
    with served(export, folder=str(tmp_path)) as served_board:
        board: Any = served_board
        assert board.shell.run(["version"]).status == 0
        assert board.shell.run(["list"]).text.startswith("total")
        with pytest.raises(ValueError, match="must match"):
            board.shell.run(["flash", "shutdown"])
        board.shell.run(["flash", "program app.elf verify exit"])


def test_the_commands_of_j_are_those_that_there_are() -> None:
    from jumplab.cli.j.driver_tree import PORTS
    from jumplab.cli.j.network import network_commands
    from jumplab.cli.j.shell import shell_commands

    commands = shell_commands(lambda: pytest.fail("nothing is run here"))
    [text] = [each for each in blocks(PAGE) if each.startswith("j shell run")]
    for line in text.splitlines():
        _, _, name, *words = shlex.split(line)
        commands[name].make_context(name, words)
    [text] = [each for each in blocks(PAGE) if each.startswith("j shell network")]
    forwards = network_commands(lambda: pytest.fail("nothing is run here"), {PORTS})
    for line in text.splitlines():
        _, _, _, name, *words = shlex.split(line, comments=True)
        forwards[name].make_context(name, words)


def test_the_test_of_the_page_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    names: dict[str, Any] = {}
    exec(next(each for each in blocks(PAGE) if "def test_" in each), names)
    names["test_the_version_is_read"](monkeypatch)


def test_the_tables_have_every_setting() -> None:
    text = (ROOT / PAGE).read_text()
    for kind in ("shell/ssh", "shell/local"):
        section = text.split(f"\n## {kind}\n", 1)[1].split("\n## ", 1)[0]
        named = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|(.*?)\|", section, re.MULTILINE))))
        assert named == set(configuration_of(driver_class(kind)).model_fields)
