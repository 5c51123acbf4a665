"""Text of others reaches a person's terminal without control sequences; programs get results as they are."""

from __future__ import annotations

import logging

import pytest

from jumplab.exit_status import one_line, print_result, write_line
from jumplab.log_format import UtcFormatter
from tests.cli.terminal import Terminal
from tests.cli.user import User

EVIL = "a\x1b[2J\x1b]0;title\x07b\x9bc\x08"
SHOWN = "ab\ufffdc\ufffd"
PRINTS = f"""
from jumplab.exit_status import print_result, print_sentence
print_sentence({EVIL!r}, "j")
print_result({EVIL!r})
print_result("end")
"""


def test_a_sentence_that_quotes_others_has_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert one_line(f"it said: {EVIL}", "j") == f"j: it said: {SHOWN}"
    write_line(EVIL)
    assert capsys.readouterr().err == f"{SHOWN}\n"


def test_a_log_line_has_none_and_keeps_the_lines_of_a_traceback() -> None:
    record = logging.LogRecord("driver", logging.ERROR, __file__, 1, "failed: %s\n  at", (EVIL,), None)
    assert UtcFormatter("%(message)s").format(record) == f"failed: {SHOWN}\n  at"


def test_a_result_is_as_it_is_for_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    print_result(EVIL)
    assert capsys.readouterr().out == f"{EVIL}\n"


async def test_a_terminal_shows_neither_a_sentence_nor_a_result_with_them(stranger: User) -> None:
    terminal = Terminal(stranger, "python", "-c", PRINTS)
    shown = await terminal.expect("end")
    assert [line for line in shown.splitlines() if line] == [f"j: {SHOWN}", SHOWN]
    assert await terminal.status() == 0
