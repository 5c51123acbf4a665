"""What strategies for plain code and for asyncio share: the state, the record, and the words of a failure."""

import logging
import re
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Generic, cast, get_args, get_origin

from typing_extensions import TypeVar

from jumplab.client.boards import AsyncBoard, Board
from jumplab.driver import AsyncDriverClient, DriverClient
from jumplab.drivers.console.time_limits import TimeLimit, seconds_of
from jumplab.errors import JumplabError
from jumplab.strategies.consoles import Consoles, consoles_of
from jumplab.strategies.errors import StrategyInvalid, TransitionFailed
from jumplab.strategies.record import Step, failure_message
from jumplab.strategies.states import State, name_of_state
from jumplab.strategies.ways import Probe, StateMap, Way, read_class

BoardT = TypeVar("BoardT", default=Any)
StateT = TypeVar("StateT", bound=State, default=str)

_log = logging.getLogger("jumplab.strategies")


@dataclass(slots=True)
class Progress:
    """Where a board is, None where that is unknown, and what was done to it. Several strategies of it may share one."""

    state: State | None = None
    steps: list[Step] = field(default_factory=list)


class StrategyCore(Generic[BoardT, StateT]):
    """A board, the state that it is in, and the record of what was done to it.

    panics: regular expressions for what a board says when it can't go on. A console that says it during a way ends the
    way at once.
    """

    panics: ClassVar[tuple[str, ...]] = ()

    _asynchronous: ClassVar[bool]
    _map: ClassVar[StateMap] = StateMap("a strategy without a class of its own", (), (), {})

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Raises StrategyInvalid."""
        super().__init_subclass__(**kwargs)
        if "_asynchronous" not in vars(cls):  # the two bases below declare nothing
            check_patterns(cls, cls.panics)
            cls._map = read_class(cls, type_arguments(cls)[1], asynchronous=cls._asynchronous)

    def __init__(self, board: BoardT) -> None:
        """Raises StrategyInvalid where the board is for plain code and the strategy for asyncio, or the other way."""
        check_kind(type(self), board, asynchronous=self._asynchronous)
        self.board = board
        self._progress = Progress()
        self._moving = False
        self._consoles: Consoles | None = None

    def _share(self, progress: Progress) -> None:
        """Goes on from another strategy's state and record of the same board, and lets it see its own."""
        self._progress = progress

    @property
    def state(self) -> StateT | None:
        """The state that the board is in; None while it is unknown: at the begin, during a way, and after a failure."""
        return cast(StateT | None, self._progress.state)

    @property
    def states(self) -> tuple[StateT, ...]:
        """All states that there are."""
        return cast(tuple[StateT, ...], self._map.states)

    @property
    def record(self) -> tuple[Step, ...]:
        """What was done until now."""
        return tuple(self._progress.steps)

    def force(self, state: StateT) -> None:
        """Takes it as given that the board is in `state`, without looking. Raises NoSuchState."""
        self._progress.state = self._wanted(state)

    def forget(self) -> None:
        """Takes the board's state as unknown: something else has changed it."""
        self._progress.state = None

    def _wanted(self, state: object) -> StateT:
        return cast(StateT, self._map.state(state))

    def _ways_to(self, target: StateT) -> list[Way]:
        return self._map.path(self._progress.state, target)

    def _listening(self) -> Consoles:
        if self._consoles is None:
            self._consoles = consoles_of(self.board)
        return self._consoles

    def _present_probe(self) -> Probe | None:
        state = self._progress.state
        return None if state is None else self._map.probes.get(state)

    @contextmanager
    def _transition(self) -> Iterator[int]:
        """The number of steps before the transition. Raises StrategyInvalid where one is under way."""
        if "_progress" not in vars(self):
            raise StrategyInvalid(
                f"{type(self).__qualname__}.__init__ leaves out the one above it; call super().__init__(board) there"
            )
        if self._moving:
            raise StrategyInvalid(
                f"{type(self).__qualname__}.transition was called while a transition is under way; a way can't begin "
                "another transition: call what it needs as a method"
            )
        self._moving = True
        try:
            yield len(self._progress.steps)
        finally:
            self._moving = False

    @contextmanager
    def _stepping(self, way: Way) -> Iterator["Stepping"]:
        """A way is taken. Its state is unknown until it has ended as it should; whatever ends it is in the record."""
        stepping = Stepping(way, self._progress.state)
        self._progress.state = None
        _log.info("%s: from %s to %s", way.name, name_of_state(stepping.origin), name_of_state(way.target))
        try:
            yield stepping
        finally:
            if stepping.step is None:
                stepping.end("it was interrupted")
            assert stepping.step is not None
            self._progress.steps.append(stepping.step)
        self._progress.state = way.target
        _log.info("%s", stepping.step)

    def _probed(self, probe: Probe, began: float, failure: str) -> Step:
        """A probe is over. The state is unknown where it has failed."""
        seconds = time.monotonic() - began
        at = datetime.now(UTC) - timedelta(seconds=seconds)
        step = Step(probe.name, self._progress.state, probe.state, at, seconds, failure, is_probe=True)
        self._progress.steps.append(step)
        if failure:
            self._progress.state = None
            _log.warning("the board is not in the state %s any more: %s", name_of_state(probe.state), step)
        return step

    def _failed(self, step: Step, error: Exception, since: int, console: str) -> TransitionFailed:
        done = tuple(each for each in self._progress.steps[since:] if each is not step)
        place = _place_of(error, getattr(type(self), step.name))
        return TransitionFailed(failure_message(step, place, done, console), step, done, console)


class Stepping:
    """A way that is being taken.  origin: the state before it.  step: what it was, once it has ended."""

    def __init__(self, way: Way, origin: State | None) -> None:
        self.way = way
        self.origin = origin
        self.step: Step | None = None
        self._began = datetime.now(UTC)
        self._clock = time.monotonic()

    def end(self, failure: str = "") -> Step:
        """It has ended; with a failure, if there is one."""
        seconds = time.monotonic() - self._clock
        self.step = Step(self.way.name, self.origin, self.way.target, self._began, seconds, failure)
        return self.step


class TimeLimits:
    """The limit of a transition, and those of its ways."""

    def __init__(self, timeout: TimeLimit | None) -> None:
        """Raises BadArguments."""
        self._seconds = None if timeout is None else seconds_of(timeout)
        self._end = None if self._seconds is None else time.monotonic() + self._seconds

    def of(self, way: Way) -> tuple[float | None, TimeoutError]:
        """How many seconds the way may take from now on, None for no limit; and the error of one that takes longer."""
        left = None if self._end is None else max(0.0, self._end - time.monotonic())
        if way.timeout is not None and (left is None or way.timeout <= left):
            return way.timeout, TimeoutError(f"it did not end within its time limit of {way.timeout:g} s")
        return left, TimeoutError(f"the transition did not end within its time limit of {self._seconds or 0:g} s")


def check_kind(strategy: type, board: object, *, asynchronous: bool) -> None:
    """Raises StrategyInvalid where the board is of the other kind."""
    if isinstance(board, (Board, DriverClient) if asynchronous else (AsyncBoard, AsyncDriverClient)):
        here, there = ("asyncio", "plain code") if asynchronous else ("plain code", "asyncio")
        raise StrategyInvalid(
            f"{strategy.__qualname__} is a strategy for {here}, and its board is for {there}; derive the strategy from "
            f"jumplab.{'Strategy' if asynchronous else 'AsyncStrategy'}, or enter the lease with "
            f"`{'async with' if asynchronous else 'with'}`"
        )


def check_patterns(owner: type, patterns: tuple[str, ...]) -> None:
    """Raises StrategyInvalid where one is no regular expression."""
    if isinstance(patterns, str):
        raise StrategyInvalid(f"{owner.__qualname__}.panics is one string; write a tuple of them")
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise StrategyInvalid(
                f"{owner.__qualname__}.panics has {pattern!r}, which is no regular expression: {error}"
            ) from error


def words_of(error: BaseException) -> str:
    """An error as a message names it: ours by their sentences, others with their type."""
    text = str(error)
    return text if text and isinstance(error, JumplabError | TimeoutError) else f"{type(error).__name__}: {text}"


def type_arguments(cls: type) -> tuple[Any, Any]:
    """The board and the states that a strategy's class is declared for, as it or a class above it says."""
    board, states = _arguments(cls)
    return _default(board), _default(states)


def _arguments(cls: type) -> tuple[Any, ...]:
    if cls is StrategyCore:
        return cast(Any, cls).__parameters__  # type: ignore[no-any-return]
    for base in vars(cls).get("__orig_bases__", cls.__bases__):
        origin = get_origin(base) or base
        if isinstance(origin, type) and issubclass(origin, StrategyCore):
            given = dict(zip(cast(Any, origin).__parameters__, get_args(base), strict=False))
            return tuple(given.get(each, each) for each in _arguments(origin))
    raise AssertionError(f"{cls} has no strategy above it")


def _default(argument: Any) -> Any:
    default = getattr(argument, "__default__", None)
    return argument if default is None else default


def _place_of(error: BaseException, method: Any) -> str:
    """Where in the way's own file it failed; empty for the ways that are ours."""
    code = getattr(method, "__code__", None)
    if code is None or str(getattr(method, "__module__", "")).startswith("jumplab."):
        return ""
    frames = [each for each in traceback.extract_tb(error.__traceback__) if each.filename == code.co_filename]
    name = code.co_filename.rpartition("/")[2]
    return f"{name}:{frames[-1].lineno}" if frames else name
