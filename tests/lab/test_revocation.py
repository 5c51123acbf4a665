"""A revoked client is out within ten seconds, and so is a revoked exporter."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

import jumplab
from jumplab.client.config import ClientConfig
from jumplab.client.controller import Controller
from jumplab.driver import errors
from jumplab.transport.errors import NotAuthenticated
from tests.lab.lab import BOUND_SECONDS, Lab, condition
from tests.lab.test_short_path import at_the_socket

LOOKED_AT_WITHIN_SECONDS = 10.0
"""By then whoever is revoked is out, on a machine that has time; where it hasn't, far before the lease's end."""
ENDED = {"client": "was deleted", "secret": "was removed", "disabled": "was disabled"}


def revoke(lab: Lab, client: str, how: str) -> None:
    """Deletes a Client, disables it, or deletes its Secret."""
    if how == "client":
        lab.delete("clients", client)
    elif how == "disabled":
        lab.patch("clients", client, {"spec": {"enabled": False}}).ok()
    else:
        lab.delete("secrets", f"{client}-client")


def use_until_refused(root: Any) -> float:
    """Calls a driver again and again; when it was refused."""
    with contextlib.suppress(errors.DriverError):
        while True:
            root.board.power.is_on()
    return time.monotonic()


def read_until_cut(root: Any) -> float:
    """Reads the console for ever; when that ended."""
    with contextlib.suppress(errors.DriverError):
        root.board.console.expect("what no board ever says", timeout=60)
    return time.monotonic()


def watch_until_refused(config: ClientConfig, lease: str) -> float:
    """Watches a lease at the controller; when that was refused."""

    async def watch() -> float:
        with contextlib.suppress(NotAuthenticated):
            async with Controller.connected(config) as controller:
                while True:
                    async for _ in controller.watch_lease(lease):
                        pass
        return time.monotonic()

    return asyncio.run(watch())


@contextlib.contextmanager
def at_work(*work: Callable[[], float]) -> Iterator[list[Future[float]]]:
    """All of it at the same time."""
    with ThreadPoolExecutor(len(work)) as threads:
        yield [threads.submit(each) for each in work]


@pytest.fixture(params=["through the router", "by the short path"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, lab: Lab) -> str:
    if request.param == "by the short path":
        monkeypatch.delenv("JUMPLAB_ALWAYS_ROUTE")
    return str(request.param)


@pytest.mark.parametrize("how", ["client", "secret", "disabled"])
def test_who_is_revoked_is_out_long_before_the_lease_would_end(lab: Lab, path: str, how: str) -> None:
    number = f"{how[0]}{path[0]}"
    bench, name, lease = f"bench-out-{number}", f"gone-{number}", f"lost-{number}"
    exporter, config = lab.exporter(bench), lab.client(name)
    lab.lease(lease, board=bench, client=name)
    lab.lease(f"{lease}-next", board=bench, client=name)
    lab.lease(f"{lease}-others", board=bench)
    lab.until_ready(lease)
    with contextlib.suppress(errors.DriverError), jumplab.attach(lease, client=config) as root:
        root.board.power.on()
        assert (len(at_the_socket(exporter)) > 1) == (path == "by the short path")
        work = (
            lambda: use_until_refused(root),
            lambda: read_until_cut(root),
            lambda: watch_until_refused(config, lease),
        )
        with at_work(*work) as ends:
            lab.until_used(lease)
            revoked = time.monotonic()
            revoke(lab, name, how)
            assert max(end.result() for end in ends) - revoked < BOUND_SECONDS
    for each in (lease, f"{lease}-next"):
        ready = condition(lab.until_ended(each), "Ready")
        assert (ready["reason"], ENDED[how] in ready["message"]) == ("Released", True)
    with pytest.raises(NotAuthenticated):
        use_once(config)
    lab.until_ready(f"{lease}-others")
    lab.release(f"{lease}-others")
    lab.until_available(bench)


def test_an_exporter_whose_secret_is_deleted_is_out_and_its_sessions_end(lab: Lab) -> None:
    lab.exporter("bench-stolen")
    lab.lease("stolen", board="bench-stolen")
    lab.until_ready("stolen")
    with contextlib.suppress(errors.DriverError), jumplab.attach("stolen", client=lab.config) as root:
        root.board.power.on()
        with at_work(lambda: use_until_refused(root), lambda: read_until_cut(root)) as ends:
            revoked = time.monotonic()
            lab.delete("secrets", "bench-stolen-exporter")
            assert max(end.result() for end in ends) - revoked < BOUND_SECONDS
    assert condition(lab.until_ended("stolen"), "Ready")["reason"] == "ExporterDeleted"
    lab.until("exporters", "bench-stolen", lambda it: it["status"]["exporterStatus"] == "Offline")


def use_once(config: ClientConfig) -> None:
    async def ask() -> None:
        async with Controller.connected(config) as controller:
            await controller.leases()

    asyncio.run(ask())


def test_a_lease_of_several_exporters_goes_whole(lab: Lab) -> None:
    for name in ("bench-ga", "bench-gb"):
        lab.exporter(name)
    lab.client("group")
    members = [{"name": name[-1:], "exporterRef": {"name": name}} for name in ("bench-ga", "bench-gb")]
    spec = {"clientRef": {"name": "group"}, "duration": "10m", "exporters": members}
    lab.create("Lease", "both-lost", spec)
    lab.until_ready("both-lost")
    lab.delete("secrets", "group-client")
    assert "was removed" in condition(lab.until_ended("both-lost"), "Ready")["message"]
    for name in ("bench-ga", "bench-gb"):
        lab.until_available(name)
