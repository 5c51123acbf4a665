"""Typed boards with every part as a process of its own: declared by hand, and generated from a running exporter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import jumplab
from jumplab.drivers.console import ConsoleClient
from jumplab.drivers.power import AsyncPowerClient, PowerClient
from jumplab.drivers.storage import StorageClient
from tests.client.test_board_source import formatted
from tests.client.test_board_types import mypy
from tests.lab.lab import VIRTUAL_BOARD, Lab, condition

EXPORT = VIRTUAL_BOARD | {"usb-power": {"type": "power/virtual"}}

USE = """
import jumplab
from board import TypedA


def test() -> None:
    with jumplab.lease(exporter="typed-a", name="generated", board=TypedA) as board:
        board.usb_power.on()
        board.board.power.cycle(off_seconds=0)
        board.board.console.expect("autoboot")
        print("used", board.board.storage.size() >= 0)


if __name__ == "__main__":
    test()
"""


class Virtual(jumplab.Board):
    power: PowerClient
    console: ConsoleClient
    storage: StorageClient


class Host(jumplab.Board):
    board: Virtual
    usb_power: PowerClient
    video: PowerClient | None


class Pair(jumplab.Board):
    left: Host
    right_hand: Host


class NoPair(jumplab.Board):
    left: Host
    right_hand: Virtual


class AsyncVirtual(jumplab.AsyncBoard):
    power: AsyncPowerClient


class AsyncHost(jumplab.AsyncBoard):
    board: AsyncVirtual


def is_released(lab: Lab, lease: str) -> bool:
    """Whether the lease was released."""
    status = lab.get("leases", lease)["status"]
    return status.get("ended", False) and condition(lab.get("leases", lease), "Ready")["reason"] == "Released"


@pytest.fixture
def typed(lab: Lab) -> Iterator[Lab]:
    """Two exporters that have the same."""
    for name in ("typed-a", "typed-b"):
        if name not in lab.exporters:
            lab.exporter(name, export=EXPORT, board="typed")
    yield lab
    for name in ("typed-a", "typed-b"):
        lab.until_available(name)


def test_a_board_is_leased_by_its_class(typed: Lab) -> None:
    with jumplab.lease("board=typed", board=Host, client=typed.config) as host:
        host.board.power.on()
        assert "autoboot" in host.board.console.expect("autoboot")
        host.usb_power.on()
        assert host.video is None


def test_an_exporter_that_does_not_fit_is_given_back_and_named(typed: Lab) -> None:
    words = '^exporter "typed-[ab]" does not fit board Virtual: "power" is missing, it has board, usb-power; '
    with (
        pytest.raises(jumplab.BoardMismatch, match=words),
        jumplab.lease("board=typed", name="misfit", board=Virtual, client=typed.config),
    ):
        raise AssertionError("it must not be entered")
    assert is_released(typed, "misfit")


async def test_a_lease_of_somebody_else_is_attached_to_by_its_class_and_left(typed: Lab) -> None:
    typed.lease("theirs", board="typed")
    typed.until_ready("theirs")
    async with jumplab.attach("theirs", board=AsyncHost, client=typed.config) as host:
        await host.board.power.on()
        assert await host.board.power.is_on()
    assert not typed.get("leases", "theirs")["status"].get("ended")
    typed.release("theirs")
    typed.until_ended("theirs")


def test_the_members_of_a_gang_are_boards(typed: Lab) -> None:
    members = {"left": "@typed-a", "right-hand": "@typed-b"}
    with jumplab.lease(exporters=members, board=Pair, client=typed.config) as pair:
        pair.left.board.power.on()
        assert pair.left.board.power.is_on()
        assert not pair.right_hand.board.power.is_on()
    words = (
        r'^exporters "typed-a" \(left\), "typed-b" \(right-hand\) do not fit board NoPair: '
        r'"right_hand.power" is missing, "right_hand" has board, usb-power; '
    )
    with (
        pytest.raises(jumplab.BoardMismatch, match=words),
        jumplab.lease(exporters=members, name="no-pair", board=NoPair, client=typed.config),
    ):
        raise AssertionError("it must not be entered")
    assert is_released(typed, "no-pair")


def test_a_class_is_generated_from_an_exporter_and_leases_it(typed: Lab, tmp_path: Path) -> None:
    made = typed.ci.run("jumplab", "generate", "board", "typed-a")
    assert made.status == 0, made
    assert formatted(made.out, tmp_path)
    (tmp_path / "use.py").write_text(USE)
    assert mypy(tmp_path / "use.py") == []
    (tmp_path / "misspelt.py").write_text(USE.replace("cycle", "cylce"))
    assert '"PowerClient" has no attribute "cylce"' in "".join(mypy(tmp_path / "misspelt.py"))
    said = typed.ci.run("python", tmp_path / "use.py")
    assert said.out == "used True\n", said
    assert is_released(typed, "generated")


def test_an_exporter_that_is_not_there_or_has_never_run_is_a_sentence(typed: Lab) -> None:
    typed.create("Exporter", "never-run", {})
    typed.credential("exporters", "never-run")
    for name, words in (("nobody", 'no exporter "nobody"'), ("never-run", '"never-run" has registered no drivers yet')):
        said = typed.ci.run("jumplab", "generate", "board", name)
        assert (said.status, said.out, said.err.count("\n")) == (1, "", 1), said
        assert words in said.err
    typed.delete("exporters", "never-run")
