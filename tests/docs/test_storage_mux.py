"""docs/drivers/storage-mux.md: its configurations switch a simulated mux, and its code runs."""

from __future__ import annotations

import asyncio
import hashlib
import lzma
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from jumplab.driver import DriverClient
from jumplab.driver.driver import configuration_of
from jumplab.testing import serve
from jumplab_exporter.config import LocalConfig
from jumplab_exporter.driver_factory import build_drivers, driver_class
from jumplab_exporter.testing import sd_mux
from tests.docs.local_shell import run_in_local_shell
from tests.docs.pages import ROOT, blocks
from tests.drivers import image_server

PAGE = "docs/drivers/storage-mux.md"
KINDS = {"storage-mux/usbsdmux": sd_mux.UsbSdMux, "storage-mux/sdwire": sd_mux.SdWire}


def configured(kind: str, mux: sd_mux.UsbSdMux | sd_mux.SdWire) -> dict[str, Any]:
    """The page's configuration, for this mux. A loop device has no serial number."""
    [text] = [each for each in blocks(PAGE) if f"  type: {kind}\n" in each]
    text = re.sub(r"path: /dev/\S+", f"path: {mux.path}\n    allow_loop: true", text)
    text = re.sub(r"control: \S+", f"control: {mux.folder}/control", text)
    export: dict[str, Any] = yaml.safe_load(re.sub(r"\n    serial: .*", "", text))
    return export


@contextmanager
def served(kind: str) -> Iterator[tuple[sd_mux.UsbSdMux | sd_mux.SdWire, DriverClient]]:
    """A simulated mux, and the board of the page's configuration for it."""
    with KINDS[kind]() as mux:
        export = configured(kind, mux)
        read = {"apiVersion": "jumpstarter.dev/v1alpha1", "kind": "ExporterConfig", "export": export}
        with serve(**build_drivers(LocalConfig.model_validate(read).export)) as board:
            yield mux, board


@pytest.mark.needs("loop")
@pytest.mark.parametrize("kind", KINDS)
def test_the_code_of_the_page_runs_with_each_configuration(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("image.img.xz").write_bytes(lzma.compress(b"an image" * 64))
    with served(kind) as (mux, board):
        exec(next(each for each in blocks(PAGE) if "board.card.switch_to" in each), {"board": board})
        assert mux.content.startswith(b"an image" * 64)
    assert capsys.readouterr().out == "dut\n"


@pytest.mark.nightly  # the same story as the code of the page
@pytest.mark.needs("loop")
def test_the_commands_of_the_page(tmp_path: Path) -> None:
    commands = next(each for each in blocks(PAGE) if each.startswith("j card"))
    (tmp_path / "image.img.xz").write_bytes(lzma.compress(b"an image" * 64))
    with sd_mux.UsbSdMux() as mux:
        said = run_in_local_shell(commands, configured("storage-mux/usbsdmux", mux), tmp_path)
        assert said.splitlines()[-1] == "dut"
        assert mux.content.startswith(b"an image" * 64)


@pytest.mark.needs("loop")
async def test_the_first_flash_of_the_page(tmp_path: Path) -> None:
    commands = next(each for each in blocks(PAGE) if each.startswith("j power off"))
    image = b"an image" * 64
    packed, checksum = lzma.compress(image), re.search(r"--sha256 (\w+)", commands)
    assert checksum is not None
    async with image_server.serving(image_server.ImageServer(packed)) as server:
        commands = commands.replace("https://images.example.com", server.url)
        commands = commands.replace(checksum[1], hashlib.sha256(packed).hexdigest())
        with sd_mux.UsbSdMux() as mux:
            export = configured("storage-mux/usbsdmux", mux)
            export["card"]["config"]["fetch_from"] = ["127.0.0.1"]
            export["power"] = {"type": "power/virtual"}
            board = {"command": ["sh", "-c", "echo login:; exec cat"]}
            export["console"] = {"type": "console/command", "config": board}
            said = await asyncio.to_thread(run_in_local_shell, commands, export, tmp_path)
            assert (mux.side, mux.content[: len(image)]) == ("dut", image)
    assert f"wrote {len(image)} bytes, sha256 {hashlib.sha256(image).hexdigest()}, unpacked from" in said
    assert "verified\n" in said
    assert "login:" in said


@pytest.mark.needs("loop")
def test_the_test_of_the_page_passes() -> None:
    names: dict[str, Any] = {}
    exec(next(each for each in blocks(PAGE) if "def test_" in each), names)
    names["test_the_image_gets_to_the_board"]()


@pytest.mark.parametrize("kind", KINDS)
def test_the_tables_have_every_setting(kind: str) -> None:
    section = (ROOT / PAGE).read_text().split(f"\n## {kind}\n", 1)[1].split("\n## ", 1)[0]
    named = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|(.*?)\|", section, re.MULTILINE))))
    assert named == set(configuration_of(driver_class(kind)).model_fields)
