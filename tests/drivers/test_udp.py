"""UDP services that are reached through the lab host: datagrams keep their boundaries, senders their answers."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from jumplab.driver import ByteStream, Driver, errors
from jumplab.drivers.network import UdpInterface
from jumplab.drivers.network.datagrams import forwarded_datagrams
from jumplab.drivers.network.forwarding import Forwarding, Service
from jumplab.drivers.network.udp_sockets import DATAGRAM_BYTES, receive_datagram, send_datagram, udp_socket
from jumplab.testing import serve, serve_async
from jumplab_exporter.driver_factory import driver_class
from jumplab_exporter.drivers.network.udp import UdpService
from tests.exporter.waiting import until
from tests.session.links import attached, hosted
from tests.session.test_resuming import network


@asynccontextmanager
async def udp() -> AsyncIterator[socket.socket]:
    """A UDP socket on loopback."""
    with udp_socket(socket.AF_INET) as made:
        made.bind(("127.0.0.1", 0))
        yield made


def driver_to(service: socket.socket) -> UdpService:
    return UdpService(host="127.0.0.1", port=service.getsockname()[1])


heard, say = receive_datagram, send_datagram


@asynccontextmanager
async def forwarded() -> AsyncIterator[tuple[socket.socket, Any]]:
    """A service, and the address here that leads to it."""
    async with udp() as service, serve_async(snmp=driver_to(service)) as board, board.snmp.forward() as here:
        yield service, (here.host, here.port)


def test_it_is_found_by_its_name() -> None:
    assert driver_class("network/udp") is UdpService


async def test_datagrams_of_every_size_keep_their_boundaries() -> None:
    async with forwarded() as (service, here), udp() as sender:
        for size_bytes in (1, 0, 1200, DATAGRAM_BYTES, 2):
            datagram = os.urandom(size_bytes)
            await say(sender, datagram, here)
            there, came_from = await heard(service)
            assert there == datagram
            await say(service, datagram[::-1], came_from)
            assert (await heard(sender)) == (datagram[::-1], here)


async def test_each_sender_gets_its_own_answers() -> None:
    async with forwarded() as (service, here), udp() as one, udp() as other:
        asked: dict[bytes, Any] = {}
        for sender, word in ((one, b"one"), (other, b"other")):
            await say(sender, word, here)
            asked.update([await heard(service)])
        assert len(set(asked.values())) == 2
        for word, address in asked.items():
            await say(service, b"for " + word, address)
        assert (await heard(one))[0] == b"for one"
        assert (await heard(other))[0] == b"for other"


async def test_a_flow_that_is_idle_ends_and_the_next_datagram_begins_another() -> None:
    async with (
        udp() as service,
        udp() as sender,
        serve_async(snmp=driver_to(service)) as board,
        forwarded_datagrams(Service.of(board.snmp), idle_seconds=0.2) as here,
    ):
        first = await said_until_heard(sender, b"first", (here.host, here.port), service)
        await until(lambda: not flows())
        second = await said_until_heard(sender, b"second", (here.host, here.port), service)
        assert first.isdisjoint(second)


async def said_until_heard(sender: socket.socket, datagram: bytes, to: Any, service: socket.socket) -> set[Any]:
    """Where the service has heard it from. A flow that ends at once, as on a busy machine, may lose a datagram."""
    hearing = asyncio.create_task(heard(service))
    while not hearing.done():
        await say(sender, datagram, to)
        await asyncio.wait([hearing], timeout=0.1)
    while (await hearing)[0] != datagram:
        hearing = asyncio.create_task(heard(service))
    return {(await hearing)[1]}


def flows() -> list[str]:
    return [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("a flow to ")]


async def test_a_service_that_nobody_serves_yet_is_told_once_and_can_come(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    with udp_socket(socket.AF_INET) as holding:  # the port, and hears nobody but its own peer
        holding.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holding.bind(("127.0.0.1", 0))
        holding.connect(("127.0.0.1", 9))
        driver = driver_to(holding)
        async with serve_async(snmp=driver) as board, board.snmp.forward() as here, udp() as sender:
            await say(sender, b"lost", (here.host, here.port))
            await until(lambda: "did not take a datagram: Connection refused" in caplog.text)
            with udp_socket(socket.AF_INET) as service:
                service.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                service.bind(holding.getsockname())
                await say(sender, b"heard", (here.host, here.port))
                assert (await heard(service))[0] == b"heard"


async def test_a_name_that_has_no_address_is_told(caplog: pytest.LogCaptureFixture) -> None:
    driver = UdpService(host="no-such-host.invalid", port=161)
    async with serve_async(snmp=driver) as board, board.snmp.forward() as here, udp() as sender:
        await say(sender, b"lost", (here.host, here.port))
        await until(lambda: "no-such-host.invalid:161 can't be reached" in caplog.text)


async def test_the_end_of_the_session_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async with (
        udp() as service,
        hosted(snmp=driver_to(service)) as host,
        attached(host) as session,
        session.root.snmp.forward() as here,
        udp() as sender,
    ):
        await say(sender, b"hello", (here.host, here.port))
        await heard(service)
        await host.end("the lease has ended")
        await until(lambda: "datagrams to snmp were lost: " in caplog.text)
        assert "the lease has ended" in caplog.text


async def test_a_flow_outlives_the_session_s_connection() -> None:
    async with (
        udp() as service,
        network(snmp=driver_to(service)) as net,
        net.attached() as session,
        session.root.snmp.forward() as here,
        udp() as sender,
    ):
        await say(sender, b"hello", (here.host, here.port))
        _, came_from = await heard(service)
        net.up.clear()
        await net.cut()
        await say(service, b"said meanwhile", came_from)
        await net.refused.wait()
        net.up.set()
        assert (await heard(sender))[0] == b"said meanwhile"


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"\xff\xff" + bytes(65535), "a datagram has 65507 bytes at most, not 65535"),
        (b"\x00\x05abc", "the stream ended within a message, after 5 bytes of it"),
        (b"\x00", "the stream ended within a message, after 1 bytes of it"),
    ],
)
async def test_messages_that_are_none_are_refused(sent: bytes, said: str) -> None:
    async with udp() as service, serve_async(snmp=driver_to(service)) as board, board.snmp.open("connect") as stream:
        await stream.send(sent)
        await stream.send_end()
        with pytest.raises(errors.CallRefused, match=said):
            await stream.result()


class Torn(UdpInterface, Driver):
    """A driver whose message breaks off."""

    async def connect(self, stream: ByteStream) -> None:
        await stream.send(b"\x00\x05abc")

    async def address(self) -> str:
        return "127.0.0.1:9"


async def test_a_driver_whose_messages_are_none_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async with serve_async(snmp=Torn()) as board, board.snmp.forward() as here, udp() as sender:
        await say(sender, b"asked", (here.host, here.port))
        await until(lambda: "datagrams to snmp were lost: the stream ended within a message" in caplog.text)


async def test_more_senders_than_have_room_are_told_and_the_others_go_on(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jumplab.drivers.network.datagrams._FLOWS", 1)
    async with forwarded() as (service, here), udp() as one, udp() as other:
        await say(one, b"one", here)
        _, came_from = await heard(service)
        await say(other, b"other", here)
        await until(lambda: "more than 1 senders at once to snmp" in caplog.text)
        await say(service, b"for one", came_from)
        assert (await heard(one))[0] == b"for one"


async def test_a_port_that_is_taken_is_an_error() -> None:
    async with udp() as taken, serve_async(snmp=driver_to(taken)) as board:
        with pytest.raises(OSError, match="Address already in use"):
            async with board.snmp.forward(taken.getsockname()[1]):
                pass


def test_plain_code_forwards_too() -> None:
    """Its event loop is another one."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as service,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        service.bind(("127.0.0.1", 0))
        with serve(snmp=driver_to(service)) as board, board.snmp.forward() as here:
            forwarding: Forwarding = here
            for datagram in (b"", b"asked"):
                sender.sendto(datagram, (forwarding.host, forwarding.port))
                asked, address = service.recvfrom(100)
                assert asked == datagram
                service.sendto(b"answered", address)
                assert sender.recv(100) == b"answered"
