"""The pytest plugin. `--jumplab-lease SELECTOR` gives tests the fixture `board`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from jumplab.driver import GenericClient


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the option that says where the board comes from."""
    parser.getgroup("jumplab").addoption(
        "--jumplab-lease",
        metavar="SELECTOR",
        help="lease a board by these labels (board=x,rev=2) for the whole run, as the fixture `board`",
    )


@pytest.fixture(scope="session")
def board(request: pytest.FixtureRequest) -> "Iterator[GenericClient]":
    """The leased board's client, held for the whole run and released at its end."""
    selector = request.config.getoption("--jumplab-lease")
    if not selector:
        pytest.skip("no board: name one with --jumplab-lease SELECTOR")
    import jumplab

    with jumplab.lease(selector) as client:
        yield client
