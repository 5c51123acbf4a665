"""Consoles of a lab, with every part as a process of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import jumplab
from tests.lab.lab import VIRTUAL_BOARD, Lab

EXPORT = VIRTUAL_BOARD | {"spare": {"type": "board/virtual"}, "uart": {"ref": "spare.console"}}


@pytest.fixture
def wired(lab: Lab) -> Iterator[Lab]:
    """An exporter with two consoles, one of which has two names."""
    if "wired-a" not in lab.exporters:
        lab.exporter("wired-a", export=EXPORT, board="wired")
    yield lab
    lab.until_available("wired-a")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-l", "board=wired"], "there are several consoles: board.console, spare.console; choose one with --driver"),
        (
            ["--exporter", "wired-a", "--driver", "x"],
            'no console "x" (there are: board.console, spare.console)',
        ),
        (["--member", "one=@wired-a"], "give --driver MEMBER or MEMBER.PATH, with one of: one"),
        (["--member", "one=@wired-a", "--driver", "one.x"], 'there is no console "x"'),
    ],
)
def test_a_console_that_no_exporter_has_is_refused_before_anything_is_leased(
    wired: Lab, words: list[str], said: str
) -> None:
    failed = wired.ci.run("jumplab", "console", *words, "--name", "never")
    assert said in failed.err
    assert failed.status == 2
    leases = [lease["metadata"]["name"] for lease in wired.list("leases")]
    assert "never" not in leases
    assert "waiting" not in failed.err


def test_a_leases_own_session_expects_from_its_begin_and_others_from_where_they_attached(wired: Lab) -> None:
    with jumplab.lease("board=wired", name="wired", client=wired.config) as board:
        board.board.power.on()
        board.board.console.expect("stop autoboot", 240)
        board.board.console.send(" ")
        board.board.console.expect("=> ", 240)
        with jumplab.attach("wired", client=wired.config) as other:
            assert other.board.console.run("echo one", "=> ", 240) == "one"
            assert "stop autoboot" in other.board.console.expect("stop autoboot", 240, since="lease")
            with pytest.raises(jumplab.ConsoleTimeout):
                other.board.console.expect("stop autoboot", 0.3, since="attach")


def test_a_power_cycle_does_not_find_the_boot_before_it(wired: Lab) -> None:
    with jumplab.lease("board=wired", client=wired.config) as board:
        for _ in range(3):
            board.board.power.off()
            board.board.console.flush()
            board.board.power.on()
            assert board.board.console.expect("stop autoboot", 240).count("U-Boot") == 1
