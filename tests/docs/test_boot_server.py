"""docs/drivers/boot-server.md: its configuration serves, its commands run, and its code says what U-Boot types."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from jumplab.driver.driver import configuration_of
from jumplab.testing import serve
from jumplab_exporter.config import LocalConfig
from jumplab_exporter.driver_factory import build_drivers, driver_class
from tests.docs.local_shell import run_in_local_shell
from tests.docs.pages import ROOT, blocks

PAGE = "docs/drivers/boot-server.md"
ADDRESS = "127.0.0.69"

pytestmark = pytest.mark.needs("tap")  # port 69 is root's


def configured(number: int = 0, **places: str) -> dict[str, Any]:
    text = [each for each in blocks(PAGE) if each.startswith("boot:\n")][number]
    for place, ours in places.items():
        text = text.replace(place, ours)
    export: dict[str, Any] = yaml.safe_load(text.replace("192.168.7.1", ADDRESS))
    return export


class Recorded:
    """A console that keeps what is typed, and finds whatever is expected."""

    def __init__(self) -> None:
        self.typed = ""
        self.send = self._send
        self.expect = lambda _: None

    def _send(self, text: str) -> None:
        self.typed += text


def test_the_commands_of_the_page(tmp_path: Path) -> None:
    (tmp_path / "Image").write_bytes(b"a kernel")
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "board.dtb").write_bytes(b"a tree")
    commands = next(each for each in blocks(PAGE) if each.startswith("j boot"))
    said = run_in_local_shell(commands, configured(), tmp_path)
    assert '"name": "board.dtb"' in said
    assert said.splitlines()[-1] == f"tftpboot ${{loadaddr}} {ADDRESS}:Image"


def test_the_code_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("build").mkdir()
    Path("build/Image").write_bytes(b"a kernel")
    read = {"apiVersion": "jumpstarter.dev/v1alpha1", "kind": "ExporterConfig", "export": configured()}
    console = Recorded()
    with serve(**build_drivers(LocalConfig.model_validate(read).export)) as board:
        lab = type("Board", (), {"boot": board.boot, "console": console})
        exec(next(each for each in blocks(PAGE) if "board.boot.put" in each), {"board": lab})
    assert console.typed == f"tftpboot ${{loadaddr}} {ADDRESS}:kernel\n"


def test_the_folder_for_nfs_has_the_files(tmp_path: Path) -> None:
    (tmp_path / "exported").mkdir()
    (tmp_path / "kernel").write_bytes(b"a kernel")
    folder = tmp_path / "exported"
    read = {
        "apiVersion": "jumpstarter.dev/v1alpha1",
        "kind": "ExporterConfig",
        "export": configured(1, **{"/srv/boot/board-1": str(folder)}),
    }
    with serve(**build_drivers(LocalConfig.model_validate(read).export)) as board:
        board.boot.put(tmp_path / "kernel")
        assert board.boot.nfs_path("kernel") == f"{ADDRESS}:{folder}/kernel"
        assert (folder / "kernel").read_bytes() == b"a kernel"


def test_the_table_has_every_setting() -> None:
    named = set(re.findall(r"^\| `(\w+)`", (ROOT / PAGE).read_text(), re.MULTILINE))
    assert named == set(configuration_of(driver_class("boot/server")).model_fields)
