"""Two tiers: a run leaves out the tests marked `nightly` and prints how many there are; with --nightly it runs all."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.kube.servers import ASSETS
from tests.workers import server_of

SECOND = {"tests/reconcile/": "standalone" if ASSETS else "real", "tests/lab/": "cluster"}
"""Suites that tell their stories on two servers: on this one at night, but for the main stories."""
MAIN = (
    *("tests/reconcile/test_a_lease.py", "tests/reconcile/test_restarts.py", "tests/reconcile/test_gangs.py"),
    *("tests/lab/test_a_lease.py", "tests/lab/test_kills.py", "tests/lab/test_api_away.py"),
)

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
    left = [item for item in items if is_nightly(item)]
    items[:] = [item for item in items if not is_nightly(item)]
    config.hook.pytest_deselected(items=left)
    config.stash[_LEFT] = Counter(item.location[0] for item in left)


def is_nightly(item: pytest.Item) -> bool:
    return item.get_closest_marker("nightly") is not None or is_told_elsewhere(item.nodeid)


def is_told_elsewhere(nodeid: str) -> bool:
    """Whether a test is a second run of what another server has told in the first tier."""
    server = next((server for folder, server in SECOND.items() if nodeid.startswith(folder)), "")
    return bool(server) and server_of(nodeid) == server and not nodeid.startswith(MAIN)


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
