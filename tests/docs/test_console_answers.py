"""The examples of docs/drivers/consoles.md in Python run as they stand, at a virtual board."""

from __future__ import annotations

import pytest

from jumplab.testing import serve
from jumplab_exporter.drivers.board.virtual import VirtualBoard
from tests.docs.pages import blocks

PAGE = "docs/drivers/consoles.md"
BLOCKS = [text for text in blocks(PAGE) if text.startswith(("board.", "with board."))]
TO_THE_PROMPT = next(block for block in BLOCKS if "stop autoboot" in block)


def test_the_page_has_its_examples() -> None:
    assert len(BLOCKS) >= 4


@pytest.mark.parametrize("block", BLOCKS)
def test_an_example_runs(block: str) -> None:
    with serve(board=VirtualBoard()) as lab:
        known = {"board": lab.board}
        if block != TO_THE_PROMPT:
            exec(TO_THE_PROMPT, known)
        exec(block, known)
