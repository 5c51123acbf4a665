"""From a Lease to a board's prompt, through every part as a process of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import jumplab
from tests.lab.boards import PROMPT, QEMU_BOARD, needs_qemu
from tests.lab.lab import VIRTUAL_BOARD, Lab


@pytest.mark.parametrize(
    "export", [pytest.param(QEMU_BOARD, id="qemu", marks=needs_qemu), pytest.param(VIRTUAL_BOARD, id="virtual")]
)
def test_a_leased_board_boots_to_its_prompt_and_lists_the_disk_that_was_written(
    lab: Lab, export: dict[str, Any], image: Path, request: pytest.FixtureRequest
) -> None:
    name = f"bench-{request.node.callspec.params['export']['board']['type'][-4:].lower()}"
    lab.exporter(name, export=export)
    lab.lease(f"on-{name}", board=name)
    ready = lab.until_ready(f"on-{name}")
    assert ready["status"]["exporterRef"] == {"name": name}
    with jumplab.attach(f"on-{name}", client=lab.config) as root:
        board = root.board
        board.storage.write_file(image)
        board.power.on()
        board.console.expect("stop autoboot", timeout=60)
        board.console.send(" ")
        board.console.expect(PROMPT)
        assert "U-Boot" in board.console.run("version", PROMPT)
        assert "7   hello.txt" in board.console.run("fatls virtio 0", PROMPT)
    lab.release(f"on-{name}")
    lab.until_available(name)
