"""docs/drivers/debug.md: its code and its commands debug a board in QEMU, with a real GDB."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from jumplab.testing import serve
from jumplab_exporter.config import LocalConfig
from jumplab_exporter.driver_factory import build_drivers
from tests.docs.local_shell import run_in_local_shell
from tests.docs.pages import blocks

PAGE = "docs/drivers/debug.md"
PROGRAM = bytes.fromhex("00800091ffffff17")
"""Of AArch64: adds 0x20 to x0 for ever."""

pytestmark = [pytest.mark.needs("qemu"), pytest.mark.needs("gdb")]


@pytest.fixture
def export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    Path("program.bin").write_bytes(PROGRAM)
    return yaml.safe_load(next(each for each in blocks(PAGE) if "type: board/qemu" in each))


def test_the_code_of_the_page_debugs_a_board(export: Any, capfd: pytest.CaptureFixture[str]) -> None:
    read = {"apiVersion": "jumpstarter.dev/v1alpha1", "kind": "ExporterConfig", "export": export}
    code = next(each for each in blocks(PAGE) if "import subprocess" in each)
    with serve(**build_drivers(LocalConfig.model_validate(read).export)) as lab:
        exec(code, {"board": lab.board})
    said = capfd.readouterr().out
    assert f"8 {hashlib.sha256(PROGRAM).hexdigest()}" in said
    assert "add\tx0, x0, #0x20" in said
    assert "False" in said


@pytest.mark.nightly
def test_the_commands_of_the_page_debug_a_board(export: Any, tmp_path: Path) -> None:
    begin, forward = next(each for each in blocks(PAGE) if each.startswith("j board")).rstrip().rsplit("\n", 1)
    gdb = next(each for each in blocks(PAGE) if each.startswith("gdb-multiarch")).rstrip()
    assert forward == "j board debug forward 3333"
    gdb = gdb.replace("gdb-multiarch", "gdb-multiarch -nx -batch").replace("localhost:3333", "'$address'")
    commands = f"""{begin}
mkfifo where
{forward.replace("3333", "0")} >where &
read address <where
{gdb} -ex stepi -ex 'info registers x0'
kill $!
"""
    said = run_in_local_shell(commands, export, tmp_path)
    assert f"loaded at 0x48000000: 8 bytes, sha256 {hashlib.sha256(PROGRAM).hexdigest()}" in said
    assert "x0             0x20 " in said
