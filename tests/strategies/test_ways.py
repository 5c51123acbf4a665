"""What a strategy's class declares, and the paths between its states."""

from __future__ import annotations

from enum import Enum
from typing import Any, Literal

import pytest

import jumplab
from jumplab import ANY_STATE, probe, way
from jumplab.strategies.ways import read_class


class State(Enum):
    OFF = "off"
    BOOTLOADER = "boot loader"
    SHELL = "shell"


class Noting:
    """A board that notes what is done to it."""

    def __init__(self) -> None:
        self.done: list[str] = []


class Four(jumplab.Strategy[Noting, Literal["off", "bootloader", "shell", "lost"]]):
    @way(ANY_STATE, "off")
    def switch_off(self) -> None:
        self.board.done.append("off")

    @way("off", "bootloader")
    def start(self) -> None:
        self.board.done.append("start")

    @way("bootloader", "shell")
    @way("off", "shell")
    def boot(self) -> None:
        self.board.done.append("boot")


def test_the_fewest_ways_are_taken() -> None:
    strategy = Four(Noting())
    assert strategy.state is None
    strategy.transition("shell")
    assert strategy.board.done == ["off", "boot"]
    strategy.transition("shell")
    assert strategy.board.done == ["off", "boot"]
    strategy.transition("bootloader")
    assert strategy.board.done == ["off", "boot", "off", "start"]
    strategy.transition("shell")
    assert strategy.state == "shell"
    assert [(step.name, step.origin, step.target, step.failure) for step in strategy.record] == [
        ("switch_off", None, "off", ""),
        ("boot", "off", "shell", ""),
        ("switch_off", "shell", "off", ""),
        ("start", "off", "bootloader", ""),
        ("boot", "bootloader", "shell", ""),
    ]


def test_a_forced_state_is_believed_and_a_forgotten_one_is_unknown() -> None:
    strategy = Four(Noting())
    strategy.force("bootloader")
    strategy.transition("shell")
    assert strategy.board.done == ["boot"]
    strategy.forget()
    assert strategy.state is None
    strategy.transition("shell")
    assert strategy.board.done == ["boot", "off", "boot"]


@pytest.mark.parametrize("wanted", ["shel", "", None, 5, State.SHELL, ["shell"]])
def test_an_unknown_state_names_those_that_there_are(wanted: Any) -> None:
    strategy = Four(Noting())
    with pytest.raises(jumplab.NoSuchState, match='its states are "off", "bootloader", "shell", "lost"') as refused:
        strategy.transition(wanted)
    assert repr(wanted) in str(refused.value)
    with pytest.raises(jumplab.NoSuchState):
        strategy.force(wanted)
    assert strategy.board.done == []


def test_where_no_ways_lead_the_states_that_can_be_reached_are_named() -> None:
    class Lost(jumplab.Strategy[Noting, Literal["off", "bootloader", "shell"]]):
        @way("off", "bootloader")
        def start(self) -> None: ...

    strategy = Lost(Noting())
    with pytest.raises(jumplab.NoWayThere, match="state is unknown, and .*Lost has no ways from there to"):
        strategy.transition("off")
    strategy.force("off")
    with pytest.raises(jumplab.NoWayThere, match='no ways from "off" to "shell", only to "bootloader"'):
        strategy.transition("shell")
    assert strategy.state == "off"
    with pytest.raises(jumplab.NoWayThere, match='to "lost", only to "off", "bootloader", "shell"'):
        Four(Noting()).transition("lost")


def test_states_may_be_an_enum() -> None:
    class Board(jumplab.Strategy[Noting, State]):
        @way(ANY_STATE, State.OFF)
        def switch_off(self) -> None: ...

        @way(State.OFF, State.SHELL)
        def boot(self) -> None: ...

    strategy = Board(Noting())
    assert strategy.states == (State.OFF, State.BOOTLOADER, State.SHELL)
    reached = []
    given: list[Any] = [State.SHELL, "off", State.OFF, "SHELL"]
    for state in given:
        strategy.transition(state)
        reached.append(strategy.state)
    assert reached == [State.SHELL, State.OFF, State.OFF, State.SHELL]
    strategy.transition(State.OFF)
    with pytest.raises(jumplab.NoWayThere, match='to "BOOTLOADER", only to "SHELL"'):
        strategy.transition(State.BOOTLOADER)


def test_a_subclass_replaces_ways_and_adds_states() -> None:
    class More(Four):
        def boot(self) -> None:
            self.board.done.append("boot otherwise")

    class Undeclared(jumplab.Strategy[Noting]):
        @way(ANY_STATE, "off")
        def switch_off(self) -> None: ...

    class WithApplication(Undeclared):
        @way("off", "application")
        def start(self) -> None: ...

    class WithoutBoot(Four):
        boot = None  # type: ignore[assignment] # what is tried

    with pytest.raises(jumplab.NoWayThere):
        WithoutBoot(Noting()).transition("shell")
    strategy = More(Noting())
    strategy.transition("shell")
    assert strategy.board.done == ["off", "boot otherwise"]
    assert WithApplication(Noting()).states == ("off", "application")
    assert jumplab.UBootLinux._map.states == ("off", "bootloader", "shell")


def test_a_strategy_of_ours_takes_more_states() -> None:
    class Player(jumplab.UBootLinux[Any, Literal["off", "bootloader", "shell", "playing"]]):
        @way("shell", "playing")
        def play(self) -> None: ...

    assert [each.name for each in Player._map.path(None, "playing")] == [
        "switch_off",
        "stop_in_bootloader",
        "boot_linux",
        "play",
    ]


def test_a_mistake_in_a_class_is_told_where_it_is_written() -> None:
    with pytest.raises(jumplab.StrategyInvalid, match=r"Wrong.boot names the state 'shel', which is none of \"off\""):

        class Wrong(jumplab.Strategy[Noting, Literal["off", "shell"]]):
            @way("off", "shel")
            def boot(self) -> None: ...

    with pytest.raises(jumplab.StrategyInvalid, match="is_up names the state 'up'"):

        class WrongProbe(jumplab.Strategy[Noting, Literal["off", "shell"]]):
            @probe("up")
            def is_up(self) -> bool:
                return True

    with pytest.raises(jumplab.StrategyInvalid, match="written with `async def`, which is for a jumplab.AsyncStrategy"):

        class Mixed(jumplab.Strategy[Noting, Literal["off", "shell"]]):
            @way("off", "shell")
            async def boot(self) -> None: ...

    with pytest.raises(jumplab.StrategyInvalid, match="written with `def`, which is for a jumplab.Strategy"):

        class MixedToo(jumplab.AsyncStrategy[Noting, Literal["off", "shell"]]):
            @way("off", "shell")
            def boot(self) -> None: ...

    with pytest.raises(jumplab.StrategyInvalid, match=r"@way: timeout: .*90 seconds.*such as 1m30s"):
        way("off", "shell", timeout="90 seconds")
    with pytest.raises(jumplab.StrategyInvalid, match="@probe: timeout: nothing is done in 0 s"):
        probe("shell", timeout=0)
    with pytest.raises(jumplab.StrategyInvalid, match="panics has '\\(', which is no regular expression"):

        class Unread(jumplab.Strategy[Noting, Literal["off"]]):
            panics = ("(",)

    with pytest.raises(jumplab.StrategyInvalid, match="are strings or an Enum, and 5 is neither"):

        class Numbers(jumplab.Strategy[Noting, Literal[5]]):  # type: ignore[type-var] # what is tried
            pass


def test_the_bases_have_no_states() -> None:
    for strategy in (jumplab.Strategy, jumplab.AsyncStrategy):
        with pytest.raises(jumplab.NoSuchState, match="its states are none"):
            strategy(Noting()).force("off")


def test_a_way_can_t_begin_a_transition() -> None:
    class Nested(jumplab.Strategy[Noting, Literal["off", "shell"]]):
        @way(ANY_STATE, "off")
        def switch_off(self) -> None: ...

        @way("off", "shell")
        def boot(self) -> None:
            self.transition("off")

    strategy = Nested(Noting())
    with pytest.raises(jumplab.TransitionFailed, match="a way can't begin another transition"):
        strategy.transition("shell")
    strategy.transition("off")


def test_what_is_read_does_not_depend_on_how_often() -> None:
    first = read_class(Four, Literal["off", "bootloader", "shell", "lost"], asynchronous=False)
    assert first == Four._map
