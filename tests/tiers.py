"""Two tiers: a run leaves out the tests marked `nightly` and prints how many there are; with --nightly it runs all."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

_LEFT = pytest.StashKey[Counter[str]]()
_LEFT_OF_WORKER = "left to the nightly"
_NIGHTLY_BOUND_SECONDS = 4 * 60 * 60
"""What takes long at night is not a hang."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("jumplab").addoption("--nightly", action="store_true", help="Run the tests marked nightly too.")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_LEFT] = Counter()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("nightly"):
        for item in items:
            item.add_marker(pytest.mark.timeout(_NIGHTLY_BOUND_SECONDS), append=False)
        return
    left = [item for item in items if item.get_closest_marker("nightly")]
    items[:] = [item for item in items if not item.get_closest_marker("nightly")]
    config.hook.pytest_deselected(items=left)
    config.stash[_LEFT] = Counter(item.location[0] for item in left)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of pytest-xdist tells what it left out; each has collected the same."""
    told: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if told is not None:
        told[_LEFT_OF_WORKER] = dict(session.config.stash[_LEFT])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    told = getattr(node, "workeroutput", {})  # a worker that crashed has none
    node.config.stash[_LEFT].update(told.get(_LEFT_OF_WORKER, {}) if not node.config.stash[_LEFT] else {})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    left = config.stash[_LEFT]
    if left:
        terminalreporter.write_sep("=", f"{left.total()} tests are left to make nightly")
        for file, count in sorted(left.items()):
            terminalreporter.write_line(f"{count:5} {file}")
