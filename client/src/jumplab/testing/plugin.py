"""The pytest plugin. `--jumplab-lease SELECTOR` or `--jumplab-exporter-config FILE` gives tests the fixture `board`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from jumplab.driver import GenericClient


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options that say where the board comes from."""
    group = parser.getgroup("jumplab")
    group.addoption(
        "--jumplab-lease",
        metavar="SELECTOR",
        help="lease a board by these labels (board=x,rev=2) for the whole run, as the fixture `board`",
    )
    group.addoption(
        "--jumplab-exporter-config",
        metavar="FILE",
        help="use the drivers of this exporter's configuration file for the whole run, without a controller, as the "
        "fixture `board`",
    )


def pytest_configure(config: pytest.Config) -> None:
    """One board comes from one place."""
    if config.getoption("--jumplab-lease") and config.getoption("--jumplab-exporter-config"):
        raise pytest.UsageError("--jumplab-lease and --jumplab-exporter-config exclude each other; leave out one")


@pytest.fixture(scope="session")
def board(request: pytest.FixtureRequest) -> "Iterator[GenericClient]":
    """The board's client, held for the whole run and let go of at its end."""
    selector = request.config.getoption("--jumplab-lease")
    file = request.config.getoption("--jumplab-exporter-config")
    if not selector and not file:
        pytest.skip("no board: name one with --jumplab-lease SELECTOR, or --jumplab-exporter-config FILE")
    import jumplab

    with jumplab.local(file) if file else jumplab.lease(selector) as client:
        yield client
