"""The comparison of what is printed with what a page has."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.docs.terminals import Terminal, missing_line, shows

PRINTED = """NAME   STATUS   ENDS
pair   Ready    2026-12-01 00:06 UTC
jumplab: lease "me-9a989eca": exporter "bench-1" is ready until 2026-12-01 00:08 UTC
"""
GOES_ON = 'import time; print("it" + " runs", flush=True); time.sleep(1000)'


@pytest.mark.parametrize(
    "lines",
    [
        ["NAME STATUS ENDS", "pair Ready 2026-08-01 12:20 UTC"],
        ['lease "me-4f1c9a03": exporter "bench-1" is ready until 12:50 UTC'],
        ["pair … UTC"],
    ],
)
def test_names_times_and_spaces_may_be_others(lines: list[str]) -> None:
    assert shows(PRINTED, lines)


def test_words_and_their_order_may_not() -> None:
    assert missing_line(PRINTED, ["NAME", "pair Pending"]) == "pair Pending"
    assert missing_line(PRINTED, ["pair Ready", "NAME STATUS"]) == "NAME STATUS"


def test_a_command_that_fails_fails_the_block(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    with Terminal("1", tmp_path, environment) as terminal:
        assert "well" in terminal.run("echo well\n")
        with pytest.raises(AssertionError, match="a command failed in terminal 1 with 3"):
            terminal.run("(exit 3)\necho well\n")
        terminal.serve(f"{sys.executable} -c '{GOES_ON}'\n", ["it runs"])
        terminal.interrupt()
        assert terminal.run("echo again\n").count("again") == 1, "what was typed is not what was printed"
