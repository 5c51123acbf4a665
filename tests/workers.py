"""How tests are spread over the workers of pytest-xdist, and in what order they run.

A worker gets a file's tests together, those on one API server or in one home of a lab at a time: what they share is
made once. The folders that take the longest come first. The real kube-apiserver is one for all workers.
"""

from __future__ import annotations

import random
import re
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadGroupScheduling

from tests.kube.servers import ASSETS, RealKubeApi

ONE_WORKER = ("tests/charts/",)
"""Folders whose tests share what is too big to have twice."""
FIRST = (
    "tests/lab/",
    "tests/charts/",
    "tests/chaos/",
    "tests/bench/",
    "tests/images/",
    "tests/packaging/",
    "tests/reconcile/",
)
"""The folders whose tests take the longest."""
SERVERS = {"standalone", "real", "one machine", "cluster"}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("jumplab")
    group.addoption("--shuffle", metavar="SEED", help="Run files, and the tests in them, in a random order.")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    seed = config.getoption("shuffle")
    if seed is not None:
        _shuffle(items, random.Random(seed))
    elif hasattr(config, "workerinput"):
        items.sort(key=lambda item: not item.nodeid.startswith(FIRST))


def _shuffle(items: list[pytest.Item], draws: random.Random) -> None:
    """Another order, the same for each worker; what a file shares is still made once."""
    files = sorted({item.location[0] for item in items})
    draws.shuffle(files)
    draws.shuffle(items)
    items.sort(key=lambda item: files.index(item.location[0]))


class ByFile(LoadGroupScheduling):
    """Gives a file's tests to one worker, and those marked `xdist_group` by their group."""

    def _split_scope(self, nodeid: str) -> str:
        group: str = super()._split_scope(nodeid)
        return group if group != nodeid else shared_by(nodeid)


def shared_by(nodeid: str) -> str:
    """A name for what the test shares with others: those of one name run in one worker."""
    file = nodeid.partition("::")[0]
    together = next((folder for folder in ONE_WORKER if file.startswith(folder)), "")
    return together or f"{file} {server_of(nodeid)}".rstrip()


def server_of(nodeid: str) -> str:
    """On which of several API servers or homes a test is run; empty for a test that has no choice."""
    parameters = re.search(r"\[(.*)\]", nodeid.partition("::")[2])
    return next((each for each in parameters[1].split("-") if each in SERVERS), "") if parameters else ""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadGroupScheduling | None:
    return ByFile(config, log) if config.getoption("dist") == "loadgroup" else None


class _ForAllWorkers:
    """The real kube-apiserver of a run, a child of the process that the workers are children of."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="jumplab-tests-")
        self.api = RealKubeApi(Path(self._folder.name), controllers=True)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kube-apiserver")
        self._thread.start()  # meanwhile the workers collect their tests

    def _run(self) -> None:
        with self.api:
            self._over.wait()

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        self._folder.cleanup()


_SHARED = pytest.StashKey[_ForAllWorkers]()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    if ASSETS:
        config = node.config
        if _SHARED not in config.stash:
            config.stash[_SHARED] = _ForAllWorkers()
            config.add_cleanup(config.stash[_SHARED].close)
        node.workerinput["real_kube_api"] = config.stash[_SHARED].api.address()
