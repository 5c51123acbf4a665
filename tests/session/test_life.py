"""The states of a session at both ends: the table, and what really happens."""

import asyncio
import itertools
import logging
import re
from collections.abc import Callable
from datetime import timedelta

import pytest

from jumplab.driver import errors
from jumplab.session.client import Reconnecting, attach
from jumplab.session.host import host as session_host
from jumplab.session.life import TRANSITIONS, SessionEvent, SessionLife, SessionState
from jumplab.transport.links import ConnectionLost, EnvelopeKind, EnvelopeStream, Link
from tests.driver.boards import Meter
from tests.session.links import EVERYTHING
from tests.session.test_resuming import Press, network

NEW, ATTACHED, DETACHED, ENDED, GONE = SessionState
CONNECTED, LOST, OVER, FORGOTTEN = SessionEvent
IMPOSSIBLE = {(NEW, LOST), (DETACHED, LOST), (GONE, CONNECTED)}

States = Callable[[str], list[str]]


@pytest.fixture
def states(caplog: pytest.LogCaptureFixture) -> States:
    """The states that sessions at one end have reached, in their order, from the log."""
    caplog.set_level(logging.DEBUG, logger="jumplab.session.life")

    def reached(end: str) -> list[str]:
        told = re.compile(rf"session [0-9a-f]{{32}} at the {end}: (\w+), was (\w+)")
        return [found[1] for record in caplog.records if (found := told.fullmatch(record.getMessage()))]

    return reached


@pytest.mark.parametrize(("state", "event"), [*itertools.product(SessionState, SessionEvent)])
def test_each_event_leads_on_or_is_impossible(state: SessionState, event: SessionEvent) -> None:
    life = SessionLife("s", "host")
    life.state = state
    if (state, event) in IMPOSSIBLE:
        with pytest.raises(AssertionError, match=f"session s at the host is {state}, and can't be {event}"):
            life.apply(event)
    else:
        life.apply(event)
        assert life.state is TRANSITIONS[state, event]


def test_what_is_over_stays_over() -> None:
    after = {after for (state, _), after in TRANSITIONS.items() if state in (ENDED, GONE)}
    assert after == {ENDED, GONE}
    assert all(TRANSITIONS[state, FORGOTTEN] is GONE for state in SessionState)


async def test_a_session_that_is_left(states: States) -> None:
    async with network(meter=Meter()) as net:
        async with net.attached() as session:
            await session.root.meter.ping()
        assert session.life.state is GONE
    assert states("client") == states("host") == [ATTACHED, ENDED, GONE]


async def test_a_session_whose_connection_is_lost_and_comes_back(states: States) -> None:
    async with network(meter=Meter()) as net, net.attached() as session:
        net.up.clear()
        await net.cut()
        await net.refused.wait()
        assert session.life.state is DETACHED
        net.up.set()
        await session.root.meter.ping()
    assert states("client") == states("host") == [ATTACHED, DETACHED, ATTACHED, ENDED, GONE]


async def test_a_session_whose_connection_does_not_come_back(states: States, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_host, "_RECONNECT_SECONDS", 0.0)
    async with network(meter=Meter()) as net, net.attached(timedelta(0)) as session:
        net.up.clear()
        await net.cut()
        assert isinstance(await session.ended, errors.SessionLost)
    assert states("client") == [ATTACHED, DETACHED, ENDED, GONE]
    assert states("host") == [ATTACHED, DETACHED, GONE]


async def test_a_session_that_the_exporter_ends(states: States) -> None:
    async with network(meter=Meter()) as net, net.attached() as session:
        await net.host.end("the lease has expired")
        assert isinstance(await session.ended, errors.SessionEnded)
    assert states("client") == states("host") == [ATTACHED, ENDED, GONE]


async def test_a_session_that_ends_while_its_connection_is_away(states: States) -> None:
    async with network(meter=Meter()) as net, net.attached() as session:
        net.up.clear()
        await net.cut()
        await net.refused.wait()
        ending = asyncio.create_task(net.host.end("the lease has expired"))
        net.up.set()
        assert isinstance(await session.ended, errors.SessionEnded)
        await ending
    assert states("client") == [ATTACHED, DETACHED, ENDED, GONE]
    assert states("host")[:3] == [ATTACHED, DETACHED, ENDED]


class HalfOpenStream:
    """A stream that breaks at this end alone."""

    def __init__(self, stream: EnvelopeStream, broken: asyncio.Event) -> None:
        self._stream = stream
        self._broken = broken
        self.piece_bytes = stream.piece_bytes

    async def send(self, payload: bytes, kind: EnvelopeKind = EnvelopeKind.DATA) -> None:
        await self._stream.send(payload, kind)

    async def receive(self) -> tuple[EnvelopeKind, bytes]:
        receiving = asyncio.ensure_future(self._stream.receive())
        breaking = asyncio.ensure_future(self._broken.wait())
        done, left = await asyncio.wait({receiving, breaking}, return_when=asyncio.FIRST_COMPLETED)
        for task in left:
            task.cancel()
        if receiving not in done:
            raise ConnectionLost("the network has forgotten it")
        return receiving.result()

    async def aclose(self) -> None:
        if not self._broken.is_set():
            await self._stream.aclose()


class HalfOpenLink:
    """A link of which the other end never hears that it broke."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.broken = asyncio.Event()

    async def open(self, number: int, *, bulk: bool = False) -> EnvelopeStream:
        return HalfOpenStream(await self._link.open(number, bulk=bulk), self.broken)

    async def aclose(self) -> None:
        if not self.broken.is_set():
            await self._link.aclose()


async def test_a_connection_that_replaces_one_whose_loss_the_exporter_did_not_notice_keeps_the_session(
    states: States, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_host, "_RECONNECT_SECONDS", 0.0)
    press = Press()
    async with network(press=press) as net:
        first = HalfOpenLink(await net.dial())
        async with attach(first, classes=EVERYTHING, reconnecting=Reconnecting(net.dial)) as session:
            pressing = asyncio.create_task(session.root.press.press())
            await press.entered.wait()
            first.broken.set()
            press.allowed.release()
            assert await pressing == 1
            press.allowed.release()
            assert await session.root.press.press() == 2
            assert states("host") == [ATTACHED]
            await net.host.end("the lease has expired")
            assert isinstance(await session.ended, errors.SessionEnded)
    assert states("client") == [ATTACHED, DETACHED, ATTACHED, ENDED, GONE]
    assert states("host") == [ATTACHED, ENDED, GONE]
