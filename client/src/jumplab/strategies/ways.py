"""States, the ways between them, and the probes that look whether a board is in one: as a class declares them."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from inspect import iscoroutinefunction
from typing import Any, Final, Literal, TypeVar, get_args, get_origin

from jumplab.driver.errors import BadArguments
from jumplab.drivers.console.time_limits import TimeLimit, seconds_of
from jumplab.strategies.errors import NoSuchState, NoWayThere, StrategyInvalid
from jumplab.strategies.states import State, name_of_state


class AnyState(Enum):
    """The type of ANY_STATE."""

    ANY_STATE = "any state"


ANY_STATE: Final = AnyState.ANY_STATE
"""The origin of a way that leads on from every state, the unknown one included."""

PROBE_SECONDS = 10.0
_WAYS = "__jumplab_ways__"
_PROBE = "__jumplab_probe__"

Method = TypeVar("Method", bound=Callable[..., Any])
ProbeMethod = TypeVar("ProbeMethod", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Way:
    """A method that brings a board from one state into another.

    name: of the method.  origin: None for a way from any state.  timeout: in seconds; None for no limit of its own.
    """

    name: str
    origin: State | None
    target: State
    timeout: float | None


@dataclass(frozen=True, slots=True)
class Probe:
    """A method that looks whether a board is in a state.  name: of the method.  timeout: in seconds."""

    name: str
    state: State
    timeout: float


def way(origin: State | AnyState, target: State, *, timeout: TimeLimit | None = None) -> Callable[[Method], Method]:
    """Declares a method of a strategy as a way from one state to another; several may stand above one method.

    origin: a state, or ANY_STATE for every one, the unknown one included.  timeout: for the whole way, in seconds or as
    a duration such as "90s". Raises StrategyInvalid for what is no time limit.
    """
    found = Way("", None if isinstance(origin, AnyState) else origin, target, _seconds("way", timeout))

    def declare(method: Method) -> Method:
        setattr(method, _WAYS, (found, *getattr(method, _WAYS, ())))
        return method

    return declare


def probe(state: State, *, timeout: TimeLimit = PROBE_SECONDS) -> Callable[[ProbeMethod], ProbeMethod]:
    """Declares a method of a strategy that looks whether the board is in this state: cheap, and without a change.

    The method returns whether it is. An error of a driver, an `assert` that fails, and an answer that is late mean that
    it is not.
    """
    seconds = _seconds("probe", timeout)
    assert seconds is not None

    def declare(method: ProbeMethod) -> ProbeMethod:
        setattr(method, _PROBE, Probe("", state, seconds))
        return method

    return declare


def _seconds(which: str, timeout: TimeLimit | None) -> float | None:
    try:
        seconds = None if timeout is None else seconds_of(timeout)
    except BadArguments as error:
        raise StrategyInvalid(f"@{which}: {error}") from error
    if seconds == 0:
        raise StrategyInvalid(f"@{which}: timeout: nothing is done in 0 s; give more, or leave it out")
    return seconds


@dataclass(frozen=True, slots=True)
class StateMap:
    """What a strategy's class declares.  owner: the class's name."""

    owner: str
    states: tuple[State, ...]
    ways: tuple[Way, ...]
    probes: Mapping[State, Probe]

    def state(self, wanted: object) -> State:
        """The state that is meant: of an Enum also by its name or its value. Raises NoSuchState."""
        for state in self.states:
            if wanted is state or (isinstance(state, str) and wanted == state):
                return state
        for state in self.states:
            if isinstance(state, Enum) and isinstance(wanted, str) and wanted in (state.name, state.value):
                return state
        named = ", ".join(map(name_of_state, self.states)) or "none"
        raise NoSuchState(f"{self.owner} has no state {wanted!r}; its states are {named}")

    def path(self, origin: State | None, target: State) -> list[Way]:
        """The ways with the fewest steps; of equal paths the one whose ways are declared first. Raises NoWayThere.

        origin: None where the state is unknown.
        """
        if origin == target:
            return []
        arrived: dict[State, list[Way]] = {} if origin is None else {origin: []}
        pending: deque[tuple[State | None, list[Way]]] = deque([(origin, [])])
        while pending:
            state, gone = pending.popleft()
            for each in self.ways:
                if each.target in arrived or each.origin not in (None, state):
                    continue
                arrived[each.target] = [*gone, each]
                if each.target == target:
                    return arrived[target]
                pending.append((each.target, arrived[each.target]))
        raise NoWayThere(self._no_way(origin, target, [state for state in arrived if state != origin]))

    def _no_way(self, origin: State | None, target: State, reached: Iterable[State]) -> str:
        named = ", ".join(map(name_of_state, reached)) or "no other state"
        if origin is None:
            return (
                f"the board's state is unknown, and {self.owner} has no ways from there to {name_of_state(target)}, "
                f"only to {named}; declare a way from ANY_STATE"
            )
        return (
            f"{self.owner} has no ways from {name_of_state(origin)} to {name_of_state(target)}, only to {named}; "
            "declare the way that is missing"
        )


def read_class(owner: type, declared: object, *, asynchronous: bool) -> StateMap:
    """The states, ways and probes of a strategy's class. Raises StrategyInvalid.

    declared: the type argument for its states: a Literal of strings, or an Enum. With another one, the states are those
    that its ways and probes name.
    """
    ways: list[Way] = []
    probes: dict[State, Probe] = {}
    for name in _names_in_order(owner):
        method = getattr(owner, name)
        if (marked := _marks(owner, name, _WAYS)) or _marks(owner, name, _PROBE):
            _check_kind(owner, name, method, asynchronous=asynchronous)
        ways += [Way(name, each.origin, each.target, each.timeout) for each in marked or ()]
        if found := _marks(owner, name, _PROBE):
            probes[found.state] = Probe(name, found.state, found.timeout)
    named = [state for each in ways for state in (each.origin, each.target) if state is not None] + list(probes)
    states = _declared_states(owner, declared) or tuple(dict.fromkeys(named))
    for method_name, state in _uses(ways, probes):
        if state not in states:
            raise StrategyInvalid(
                f"{owner.__qualname__}.{method_name} names the state {state!r}, which is none of "
                f"{', '.join(map(name_of_state, states))}; correct it, or add it to the states"
            )
    return StateMap(owner.__qualname__, states, tuple(ways), probes)


def _uses(ways: Iterable[Way], probes: Mapping[State, Probe]) -> list[tuple[str, State]]:
    named = [(each.name, state) for each in ways for state in (each.origin, each.target) if state is not None]
    return named + [(each.name, each.state) for each in probes.values()]


def _names_in_order(owner: type) -> Iterable[str]:
    """The names of a class and its bases, those of the bases first."""
    return dict.fromkeys(name for each in reversed(owner.__mro__) for name in vars(each))


def _marks(owner: type, name: str, mark: str) -> Any:
    """What the nearest declaration says: a method that replaces a way is the same way, unless it says another."""
    for each in owner.__mro__:
        if name in vars(each) and vars(each)[name] is None:
            return None
        if (found := getattr(vars(each).get(name), mark, None)) is not None:
            return found
    return None


def _check_kind(owner: type, name: str, method: object, *, asynchronous: bool) -> None:
    if iscoroutinefunction(method) == asynchronous:
        return
    written, base = ("def", "Strategy") if asynchronous else ("async def", "AsyncStrategy")
    raise StrategyInvalid(
        f"{owner.__qualname__}.{name} is written with `{written}`, which is for a jumplab.{base}; change the method or "
        "the class that it derives from"
    )


def _declared_states(owner: type, declared: object) -> tuple[State, ...]:
    declared = getattr(declared, "__value__", declared)  # of a `type` statement
    if get_origin(declared) is Literal:
        states = get_args(declared)
    elif isinstance(declared, type) and issubclass(declared, Enum):
        states = tuple(declared)
    else:
        return ()
    if wrong := [each for each in states if not isinstance(each, str | Enum)]:
        raise StrategyInvalid(f"the states of {owner.__qualname__} are strings or an Enum, and {wrong[0]!r} is neither")
    return states
