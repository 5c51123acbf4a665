"""The fixtures behind `async_board`, for the plugins that can run them. Each attaches in the test's own event loop.

A plugin that is not there leaves its fixtures out: `plugin` takes over those of the ones that are.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import ModuleType
from typing import Any

import pytest

from jumplab.testing.asked_boards import classes_of, marker_of, strategies_of

ANYIO_FIXTURE = "_jumplab_async_board_anyio"
LOOP_SCOPES = ("function", "class", "module", "package", "session")


class AnyioFixtures:
    """For tests marked `anyio`."""

    @pytest.fixture(name=ANYIO_FIXTURE)
    async def board(self, request: pytest.FixtureRequest, _jumplab_held: Any) -> AsyncIterator[Any]:
        async with _attached(request, _jumplab_held) as board:
            yield board


def asyncio_fixture_of(loop_scope: str) -> str:
    """The name of the fixture for tests that pytest-asyncio runs in a loop of that scope."""
    return f"_jumplab_async_board_{loop_scope}"


def asyncio_fixtures() -> ModuleType:
    """A plugin with a fixture for each scope that pytest-asyncio's loops have: they can't be shared."""
    import pytest_asyncio

    def made(loop_scope: Any) -> Callable[..., Any]:
        @pytest_asyncio.fixture(loop_scope=loop_scope, name=asyncio_fixture_of(loop_scope))
        async def board(request: pytest.FixtureRequest, _jumplab_held: Any) -> AsyncIterator[Any]:
            async with _attached(request, _jumplab_held) as board:
                yield board

        return board

    fixtures = ModuleType("jumplab-asyncio")
    for loop_scope in LOOP_SCOPES:
        setattr(fixtures, asyncio_fixture_of(loop_scope), made(loop_scope))
    return fixtures


@asynccontextmanager
async def _attached(request: pytest.FixtureRequest, held: Any) -> AsyncIterator[Any]:
    from jumplab.testing.held_strategies import boards_of

    marked, config = marker_of(request.node).board, request.config
    classes = ([marked] if marked else []) + classes_of(config) + boards_of(strategies_of(config))
    async with held.attached(classes) as board:
        yield board
