"""docs/drivers/storage-disk.md: its settings, its configurations and its Python work as printed."""

from __future__ import annotations

import asyncio
import hashlib
import io
import lzma
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from jumplab.driver.driver import configuration_of
from jumplab.drivers.storage.packing import COMPRESSIONS, IMAGES
from jumplab.testing import serve
from jumplab_exporter.config import ExporterConfig
from jumplab_exporter.driver_factory import build_drivers
from jumplab_exporter.drivers.storage.disk import FileDisk
from jumplab_exporter.drivers.storage.origin import ATTRIBUTE
from tests.docs.local_shell import run_in_local_shell
from tests.docs.pages import ROOT, blocks
from tests.drivers import image_server

PAGE_NAME = "docs/drivers/storage-disk.md"
PAGE = (ROOT / PAGE_NAME).read_text()
BLOCKS = blocks(PAGE_NAME)
CONFIGURATIONS = [yaml.safe_load(block) for block in BLOCKS if block.startswith("storage:")]


def test_the_page_has_each_setting_and_its_default() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| (.*?) \|$", PAGE, re.MULTILINE))
    fields = configuration_of(FileDisk).model_fields
    assert rows.keys() == fields.keys()
    shown: dict[str, Any] = {"none": (), "64": 64, "`raw`": "raw", "`false`": False, "any": None}
    for name, field in fields.items():
        if name != "path":
            assert shown[rows[name]] == field.default


@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=["file", "networks", "device"])
def test_a_configuration_of_the_page_is_a_driver(configuration: dict[str, Any]) -> None:
    entries = ExporterConfig.model_validate(
        {
            "apiVersion": "jumpstarter.dev/v1alpha1",
            "kind": "ExporterConfig",
            "metadata": {"namespace": "lab", "name": "bench"},
            "endpoint": "127.0.0.1:1",
            "token": "x",
            "export": configuration,
        }
    )
    assert isinstance(build_drivers(entries.export)["storage"], FileDisk)


def test_the_python_of_the_page_works_as_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    [program] = [block for block in BLOCKS if block.startswith("written =")]
    monkeypatch.chdir(tmp_path)
    Path("image.img.xz").write_bytes(lzma.compress(bytes(1000)))
    with serve(storage=FileDisk(size_mib=2)) as board:
        exec(program, {"board": board, "io": io})
    assert re.fullmatch(r"xz \d+ became 1000\n", capsys.readouterr().out)
    assert Path("copy.img").read_bytes() == bytes(1000)


async def test_the_commands_and_the_python_of_the_page_fetch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    [commands] = [block for block in BLOCKS if block.startswith("j storage write https:")]
    [program] = [block for block in BLOCKS if "board.storage.fetch(" in block]
    packed, checksum = lzma.compress(bytes(1000)), re.search(r"--sha256 (\w+)", commands)
    assert checksum is not None
    monkeypatch.chdir(tmp_path)
    async with image_server.serving(image_server.ImageServer(packed)) as server:

        def here(text: str) -> str:
            return text.replace("https://images.example.com", server.url).replace(checksum[1], sha256)

        def run_program() -> None:
            with serve(storage=FileDisk(size_mib=2, fetch_from=["127.0.0.1"])) as board:
                exec(here(program), {"board": board, "CHECKSUM": sha256})

        sha256 = hashlib.sha256(packed).hexdigest()
        await asyncio.to_thread(run_program)
        assert capsys.readouterr().out == f"xz {len(packed)} became 1000\n"
        export = {"storage": {"type": "storage/disk", "config": {"size_mib": 2, "fetch_from": ["127.0.0.1"]}}}
        said = await asyncio.to_thread(run_in_local_shell, here(commands), export, tmp_path)
    assert said.count(f"wrote 1000 bytes, sha256 {hashlib.sha256(bytes(1000)).hexdigest()}, unpacked from") == 2


def test_the_page_names_each_packing_and_the_mark() -> None:
    for name in (*COMPRESSIONS, *IMAGES):
        assert re.search(rf"^\|.*\b{name}\b", PAGE, re.MULTILINE)
    assert f"`{ATTRIBUTE}`" in PAGE
