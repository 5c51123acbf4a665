"""docs/drivers/flasher.md: its configurations flash a chip and a device, and its code and commands run."""

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
from jumplab_exporter.testing.esptool import EspDevice
from jumplab_exporter.testing.fastboot import FastbootDevice
from tests.docs.local_shell import run_in_local_shell
from tests.docs.pages import ROOT, blocks

PAGE = "docs/drivers/flasher.md"
KINDS = ("flasher/flashrom", "flasher/fastboot", "flasher/esptool")
IMAGE = b"an image" * 64


@contextmanager
def counterpart(kind: str, folder: Path) -> Iterator[tuple[dict[str, Any], Any]]:
    """The page's configuration for a chip in a file or a device, and what its bootloader has."""
    [text] = [each for each in blocks(PAGE) if f"  type: {kind}\n" in each]
    if kind == "flasher/flashrom":
        yield yaml.safe_load(text.replace("/var/lib/bench", str(folder))), lambda: (folder / "chip.bin").read_bytes()
        return
    if kind == "flasher/esptool":
        with EspDevice() as chip:
            export = yaml.safe_load(text)
            export["flasher"]["config"].update(port=chip.port, resets=False, stub=False)
            yield export, lambda: chip.content(4096, 28 << 10)
        return
    with FastbootDevice({"boot": 65536, "rootfs": 65536}) as device:
        yield yaml.safe_load(re.sub(r"device: \S+", f"device: {device.device}", text)), lambda: device.content("boot")


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.needs(kind.partition("/")[2])) for kind in KINDS]
)
def test_the_code_of_the_page_runs_with_each_configuration(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("boot.bin").write_bytes(IMAGE)
    with counterpart(kind, tmp_path) as (export, content):
        read = {"apiVersion": "jumpstarter.dev/v1alpha1", "kind": "ExporterConfig", "export": export}
        with serve(**build_drivers(LocalConfig.model_validate(read).export)) as board:
            code = next(each for each in blocks(PAGE) if "board.flasher.flash" in each)
            flashing, erasing = code.split("board.flasher.erase")
            exec(flashing, {"board": board})
            assert content().startswith(IMAGE)
            exec("board.flasher.erase" + erasing, {"board": board})
            assert set(content()) == {0xFF}
    assert f" {kind != 'flasher/fastboot'}\n['" in capsys.readouterr().out


@pytest.mark.needs("flashrom")
def test_the_commands_of_the_page(tmp_path: Path) -> None:
    commands = next(each for each in blocks(PAGE) if each.startswith("j flasher"))
    (tmp_path / "boot.bin").write_bytes(IMAGE)
    with counterpart("flasher/flashrom", tmp_path) as (export, content):
        said = run_in_local_shell(commands, export, tmp_path)
        assert set(content()) == {0xFF}
    first, second, *rest = said.splitlines()
    assert first.startswith("flashed bootloader: 512 bytes, sha256 ")
    assert first.endswith(", verified by the tool")
    assert second == first
    assert '"name": "bootloader"' in "".join(rest)


@pytest.mark.needs("fastboot")
def test_the_test_of_the_page_passes() -> None:
    names: dict[str, Any] = {}
    exec(next(each for each in blocks(PAGE) if "def test_" in each), names)
    names["test_the_image_gets_into_the_partition"]()


@pytest.mark.parametrize("kind", KINDS)
def test_the_tables_have_every_setting(kind: str) -> None:
    section = (ROOT / PAGE).read_text().split(f"\n## {kind}\n", 1)[1].split("\n## ", 1)[0]
    named = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|(.*?)\|", section, re.MULTILINE))))
    assert named == set(configuration_of(driver_class(kind)).model_fields)
