"""The strategies of a board that a run of pytest holds. They share the board's state and its record."""

import inspect
from collections.abc import Callable
from typing import Any, cast

from jumplab.client.boards import AsyncBoard, Board
from jumplab.client.errors import ConfigurationError
from jumplab.strategies.aio import AsyncStrategy
from jumplab.strategies.core import type_arguments
from jumplab.strategies.plain import Strategy
from jumplab.testing.held_boards import HeldBoard

_NONE = "name the strategy with --jumplab-strategy MODULE:CLASS, or the setting jumplab_strategy"


def boards_of(strategies: list[type]) -> list[type]:
    """The boards' classes that the strategies' classes are declared for."""
    declared = [type_arguments(each)[0] for each in strategies if issubclass(each, Strategy | AsyncStrategy)]
    return [each for each in declared if isinstance(each, type) and issubclass(each, Board | AsyncBoard)]


def plain_strategy(held: HeldBoard, strategies: list[type], boards: list[type]) -> Strategy[Any, Any]:
    """The first strategy for plain code, of the board that its class is declared for, else of the first of `boards`.

    The same one each time. Raises ConfigurationError where there is none, BoardMismatch.
    """
    found = _first(strategies, Strategy)
    if found is None:
        raise ConfigurationError(f"the fixture `strategy` is for a jumplab.Strategy; {_NONE}")
    if found not in held.strategies:
        _check_made_of_board(found)
        made: Strategy[Any, Any] = found(held.board([*boards_of([found]), *boards]))
        made._share(held.progress)
        held.strategies[found] = made
    return cast(Strategy[Any, Any], held.strategies[found])


def async_strategy(held: HeldBoard, strategies: list[type], board: Any) -> AsyncStrategy[Any, Any]:
    """The first strategy for asyncio, of a board in the caller's event loop. Raises ConfigurationError."""
    found = _first(strategies, AsyncStrategy)
    if found is None:
        raise ConfigurationError(f"the fixture `async_strategy` is for a jumplab.AsyncStrategy; {_NONE}")
    _check_made_of_board(found)
    made: AsyncStrategy[Any, Any] = found(board)
    made._share(held.progress)
    return made


def transition_of(held: HeldBoard, strategies: list[type], boards: list[type]) -> Callable[[Any], None]:
    """Brings the board into a state, by the strategy for plain code where there is one.

    Raises ConfigurationError where there is no strategy, BoardMismatch.
    """
    if (found := _first(strategies, AsyncStrategy)) is None or _first(strategies, Strategy) is not None:
        return plain_strategy(held, strategies, boards).transition
    if found not in held.strategies:
        board = next((each for each in boards_of([found]) + boards if issubclass(each, AsyncBoard)), None)
        held.strategies[found] = async_strategy(held, [found], held.board_in_portal(board))
    made = cast(AsyncStrategy[Any, Any], held.strategies[found])
    return lambda state: held.portal.run(made.transition(state))


def _check_made_of_board(strategy: type) -> None:
    """Raises ConfigurationError where the class wants more than its board."""
    try:
        inspect.signature(strategy).bind(None)
    except TypeError as error:
        raise ConfigurationError(
            f"the strategy {strategy.__qualname__} can't be made of a board alone: {error}; give the other arguments "
            "of its __init__ defaults"
        ) from error


def _first(strategies: list[type], kind: type) -> Any:
    """The first class of that kind. Raises ConfigurationError for one that is no strategy's."""
    for each in strategies:
        if not issubclass(each, Strategy | AsyncStrategy):
            raise ConfigurationError(
                f"the strategy's class {each.__qualname__} is derived from neither jumplab.Strategy nor AsyncStrategy"
            )
    return next((each for each in strategies if issubclass(each, kind)), None)
