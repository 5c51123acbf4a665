"""What a type checker finds in a test that uses a strategy: mypy in strict mode."""

from __future__ import annotations

import re
from pathlib import Path

from tests.client.test_board_types import mypy

SAMPLE = """
from __future__ import annotations

from enum import Enum
from typing import Any, Literal, reveal_type

import jumplab
from jumplab import ANY_STATE, probe, way
from jumplab.drivers.console import AsyncConsoleClient, ConsoleClient
from jumplab.drivers.power import AsyncPowerClient, PowerClient


class Dut(jumplab.Board):
    power: PowerClient
    console: ConsoleClient


class Lamp(jumplab.Board):
    power: PowerClient


class AsyncDut(jumplab.AsyncBoard):
    power: AsyncPowerClient
    console: AsyncConsoleClient


class DutLinux(jumplab.UBootLinux[Dut]):
    password = "lab"


class State(Enum):
    OFF = 1
    ON = 2


class Switched(jumplab.Strategy[Lamp, State]):
    @way(ANY_STATE, State.OFF)
    def switch_off(self) -> None:
        self.board.power.of()  # E: "PowerClient" has no attribute "of"

    @way(State.OFF, State.ON, timeout="1m")
    def switch_on(self) -> None:
        self.board.power.on()

    @probe(State.OFF)
    def is_off(self) -> bool:
        return not self.board.power.is_on()


class Player(jumplab.UBootLinux[Dut, Literal["off", "bootloader", "shell", "playing"]]):
    @way("shell", "playing")
    def play(self) -> None:
        self.console.send("play")


class AsyncLinux(jumplab.AsyncUBootLinux[AsyncDut]): ...


def plain(dut: Dut, lamp: Lamp, untyped: Any) -> None:
    linux = DutLinux(dut)
    linux.transition("shell", timeout="2m")
    linux.transition("shel")  # E: expected "Literal['off', 'bootloader', 'shell']"
    reveal_type(linux.state)  # N: Literal['off']
    reveal_type(linux.board)  # N: "sample.Dut"
    linux.console.send("x")
    DutLinux(lamp)  # E: incompatible type "Lamp"; expected "Dut"
    jumplab.UBootLinux(dut).transition("bootloader")
    jumplab.UBootLinux(lamp)  # E: "PoweredBoard" of "UBootLinux" cannot be "Lamp"
    jumplab.UBootLinux(untyped).force("off")
    Player(dut).transition("playing")
    Switched(lamp).transition(State.ON)
    Switched(lamp).transition("on")  # E: expected "State"
    for step in linux.record:
        print(step.name, step.seconds + 1, step.failure.upper())


async def asynchronous(dut: AsyncDut) -> None:
    await AsyncLinux(dut).transition("shell")
    await AsyncLinux(dut).transition("shel")  # E: expected "Literal['off', 'bootloader', 'shell']"


try:
    ...
except jumplab.TransitionFailed as error:
    print(error.step.name, error.done, error.console.upper())
"""

EXPECTED = {
    number: line.partition("# E: ")[2] or line.partition("# N: ")[2]
    for number, line in enumerate(SAMPLE.splitlines(), 1)
    if re.search(r"# [EN]: ", line)
}


def test_mypy_finds_what_is_misspelt_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "sample.py"
    path.write_text(SAMPLE)
    said = {}
    for line in mypy(path):
        if found := re.match(r"sample\.py:(\d+): (?:error|note: Revealed)", line):
            said[int(found[1])] = line
    assert said.keys() == EXPECTED.keys(), said
    for number, sentence in EXPECTED.items():
        assert sentence in said[number]
