"""What an exporter says of connections that it loses."""

import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from types import TracebackType
from typing import Any, Self, cast

import pytest

from jumplab.transport.backoff import Backoff
from jumplab.transport.errors import NotAllowed, NotFound, TransportError, Unreachable
from jumplab_exporter.controller import Assignment, Controller
from jumplab_exporter.registration import Listener, Registration
from jumplab_exporter.reporting import ReportQueue

LOST = Unreachable("the connection to lab:443 was lost; it may be back soon")
SILENT = Unreachable("nothing answers at lab:443; check that it runs")
REFUSED = NotAllowed("exporter bench has been disabled")
STEADY_SECONDS = 60.0


class Connection:
    """One that lasts a while and ends so, or, where `reached` is False, one that never comes about."""

    def __init__(self, lab: "Lab", ending: TransportError, *, reached: bool) -> None:
        self._lab = lab
        self._ending = ending
        self._reached = reached

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return None

    async def register(self, reports: Sequence[Any]) -> None:
        if not self._reached:
            raise self._ending

    async def assignments(self) -> AsyncIterator[Assignment]:
        self._lab.now += STEADY_SECONDS
        raise self._ending
        yield


class Lab:
    """A controller whose connections end as told, and then a refusal that is final where none was accepted."""

    def __init__(self, *connections: tuple[TransportError, bool]) -> None:
        self.now = 0.0
        self._connections: Iterator[tuple[TransportError, bool]] = iter(connections)

    def connect(self) -> Controller:
        ending, reached = next(self._connections)
        return cast(Controller, Connection(self, ending, reached=reached))


async def no_wait(_seconds: float) -> None:
    return None


async def told_of(caplog: pytest.LogCaptureFixture, *connections: tuple[TransportError, bool]) -> list[str]:
    """The warnings of an exporter that has these connections, one after the other."""
    lab = Lab(*connections)
    listener = Listener(assigned=lambda _: None, deadline=lambda _, __: None)
    registration = Registration(
        lab.connect, ReportQueue(), listener, clock=lambda: lab.now, backoff=lambda: Backoff(sleep=no_wait)
    )
    with caplog.at_level(logging.WARNING), pytest.raises(RuntimeError):  # there are no more connections
        await registration.run()
    return [record.getMessage() for record in caplog.records]


async def test_a_lost_connection_is_told_once_whatever_the_tries_after_it_say(caplog):
    assert await told_of(caplog, (LOST, True), (SILENT, False), (SILENT, False), (LOST, False)) == [
        f"{LOST}; trying again"
    ]


async def test_each_loss_is_told(caplog):
    assert await told_of(caplog, (LOST, True), (SILENT, False), (LOST, True)) == [f"{LOST}; trying again"] * 2


async def test_another_reason_is_told(caplog):
    assert await told_of(caplog, (LOST, True), (REFUSED, False), (NotFound("there is no exporter bench"), False)) == [
        f"{LOST}; trying again",
        f"{REFUSED}; trying again",
        "there is no exporter bench; trying again",
    ]
