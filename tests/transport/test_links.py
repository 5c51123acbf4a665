"""What every link promises, asked of each kind: in memory, over a local socket or a pair of them, through a router."""

import asyncio
import contextlib
import json
import socket
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from jumplab import event_loop
from jumplab.driver.errors import SessionLost
from jumplab.session.client import attach
from jumplab.transport.errors import TransportError, Unreachable
from jumplab.transport.links import ENVELOPE_BYTES, ConnectionLost, EnvelopeKind, Link
from jumplab.transport.listener import AcceptedLink, LocalListener, only
from jumplab.transport.local import LocalLink, LocalStream
from jumplab.transport.memory import memory_links
from jumplab.transport.relay import relay
from jumplab.transport.routed import RoutedLink
from jumplab.transport.socket_pair import SocketPairLink, socket_pair
from jumplab_operator.router.tokens import Role
from tests.worlds.relay import Bench, served

Pair = tuple[Link, Link]


@asynccontextmanager
async def in_memory(folder: Path) -> AsyncIterator[Pair]:
    yield memory_links()


@asynccontextmanager
async def local(folder: Path) -> AsyncIterator[Pair]:
    arrived: asyncio.Queue[AcceptedLink] = asyncio.Queue()

    async def hold(link: AcceptedLink) -> None:
        arrived.put_nowait(link)
        await asyncio.Event().wait()

    async with LocalListener(folder / "lease", only("token"), hold) as listener:
        link = LocalLink(listener.path, "token")
        first = await link.open(0)
        theirs = await arrived.get()
        yield _Opened(link, first), theirs
        await link.aclose()


class _Opened:
    """A link whose stream 0 is open already, which is how a listener learns of a session."""

    def __init__(self, link: LocalLink, first: object) -> None:
        self._link = link
        self._first = first

    async def open(self, number: int, *, bulk: bool = False):
        return self._first if number == 0 else await self._link.open(number, bulk=bulk)

    async def aclose(self) -> None:
        await self._link.aclose()


@asynccontextmanager
async def over_a_socket_pair(folder: Path) -> AsyncIterator[Pair]:
    one, other = socket_pair()
    here, there = SocketPairLink(one, opens=True), SocketPairLink(other, opens=False)
    yield here, there
    await here.aclose()
    await there.aclose()


@asynccontextmanager
async def routed(folder: Path) -> AsyncIterator[Pair]:
    bench = Bench()
    async with served(bench):
        client = RoutedLink(bench.endpoint, bench.token(Role.CLIENT))
        exporter = RoutedLink(bench.endpoint, bench.token(Role.EXPORTER))
        yield client, exporter
        await client.aclose()
        await exporter.aclose()


KINDS: dict[str, Callable[[Path], AbstractAsyncContextManager[Pair]]] = {
    "memory": in_memory,
    "local": local,
    "socket pair": over_a_socket_pair,
    "routed": routed,
}


@pytest.fixture(params=KINDS)
async def links(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Pair]:
    async with KINDS[request.param](tmp_path) as pair:
        yield pair


async def opened(links: Pair, number: int = 0, *, bulk: bool = False):
    here, there = links
    return await here.open(number, bulk=bulk), await there.open(number, bulk=bulk)


async def test_envelopes_arrive_in_order_both_ways_with_their_kind(links):
    here, there = await opened(links)
    for sender, receiver in ((here, there), (there, here)):
        sent = [(kind, b"%d" % kind) for kind in EnvelopeKind]
        for kind, payload in sent:
            await sender.send(payload, kind)
        assert [await receiver.receive() for _ in sent] == sent


async def test_the_largest_envelope_arrives_whole(links):
    here, there = await opened(links, 1, bulk=True)
    block = bytes(range(256)) * (ENVELOPE_BYTES // 256)
    await here.send(block)
    assert await there.receive() == (EnvelopeKind.DATA, block)


async def test_what_is_more_than_a_connection_holds_arrives_whole_and_in_order(links):
    here, there = await opened(links, 1, bulk=True)
    blocks = [bytes([number]) * ENVELOPE_BYTES for number in range(24)]

    async def send() -> None:
        for block in blocks:
            await here.send(block)

    sending = asyncio.create_task(send())
    assert [await there.receive() for _ in blocks] == [(EnvelopeKind.DATA, block) for block in blocks]
    await sending


async def test_streams_of_a_link_do_not_mix(links):
    one, other = await opened(links, 1), await opened(links, 2)
    await one[0].send(b"one")
    await other[0].send(b"other")
    assert await other[1].receive() == (EnvelopeKind.DATA, b"other")
    assert await one[1].receive() == (EnvelopeKind.DATA, b"one")


async def test_a_peer_that_goes_is_noticed(links):
    here, there = await opened(links)
    await here.send(b"x")
    assert await there.receive() == (EnvelopeKind.DATA, b"x")
    await here.aclose()
    await here.aclose()
    with pytest.raises(ConnectionLost):
        await there.receive()


async def test_a_closed_link_opens_nothing_more(links):
    for link in links:
        await link.aclose()
        with pytest.raises(ConnectionLost, match="the link is closed"):
            await link.open(1, bulk=True)


async def test_a_slow_reader_holds_its_sender_back_and_nobody_else(links):
    slow, quick = await opened(links, 1), await opened(links, 2)
    block = bytes(ENVELOPE_BYTES)

    async def flood() -> None:
        while True:
            await slow[0].send(block)

    flooding = asyncio.create_task(flood())
    for _ in range(20):
        await quick[0].send(b"x")
        assert await quick[1].receive() == (EnvelopeKind.DATA, b"x")
    assert not flooding.done()
    flooding.cancel()
    await asyncio.wait([flooding])


async def test_a_router_that_is_not_there_is_told(unused_tcp_port):
    bench = Bench()
    bench.endpoint = type(bench.endpoint)(f"127.0.0.1:{unused_tcp_port}")
    link = RoutedLink(bench.endpoint, "token")
    stream = await link.open(0)
    with pytest.raises(TransportError, match=f"nothing answers at 127.0.0.1:{unused_tcp_port}"):
        await stream.receive()
    await link.aclose()


async def test_a_socket_that_is_not_there_is_told(tmp_path):
    with pytest.raises(Unreachable, match="nothing answers at .*session.sock"):
        await LocalLink(tmp_path / "session.sock", "token").open(0)


@pytest.mark.parametrize(
    ("greeting", "reason"),
    [
        (b"\n", "Expecting value"),
        (b"[]\n", "not that of a session's stream"),
        (json.dumps({"session": "s", "token": "guess", "stream": 0}).encode() + b"\n", "token is not that"),
    ],
)
async def test_a_stranger_at_the_socket_is_turned_away_and_others_are_served(tmp_path, greeting, reason):
    async with local(tmp_path) as (link, theirs):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "lease" / "session.sock")
        writer.write(greeting)
        answer = await reader.read()
        writer.close()
        assert answer[4:5] == bytes([3])
        assert reason in answer[5:].decode()
        here, there = await opened((link, theirs), 3)
        await here.send(b"x")
        assert await there.receive() == (EnvelopeKind.DATA, b"x")


async def test_a_last_word_at_a_socket_comes_behind_the_envelope_that_is_still_being_sent(tmp_path):
    async with local(tmp_path) as links:
        here, there = await opened(links, 1, bulk=True)
        block = bytes(12 << 20)  # more than both sockets hold
        sending = asyncio.create_task(here.send(block))
        await asyncio.sleep(0)
        last_word = asyncio.create_task(here.send(b"given up", EnvelopeKind.RESET))
        assert await there.receive() == (EnvelopeKind.DATA, block)
        assert await there.receive() == (EnvelopeKind.RESET, b"given up")
        await asyncio.gather(sending, last_word)


async def test_half_an_envelope_at_a_socket_is_a_lost_connection_and_nothing_follows_it(tmp_path):
    async with local(tmp_path) as links:
        here, there = await opened(links, 1, bulk=True)
        sending = asyncio.create_task(here.send(bytes(12 << 20)))
        await asyncio.sleep(0)
        sending.cancel()
        await asyncio.wait([sending])
        with pytest.raises(ConnectionLost):
            await here.send(b"what would be taken for the rest")
        with pytest.raises(ConnectionLost):
            await there.receive()


async def test_a_stream_of_a_session_that_is_over_is_a_lost_connection(tmp_path):
    async with local(tmp_path):
        stream = await LocalLink(tmp_path / "lease" / "session.sock", "token").open(7)
        with pytest.raises(ConnectionLost):
            await stream.receive()
        await stream.aclose()


async def test_who_can_not_be_served_now_is_told_why_and_may_come_again(tmp_path):
    async def nobody(token: str, session: str) -> None:
        raise ConnectionLost("not yet; come again")

    async with LocalListener(tmp_path / "lease", nobody, fail_to_serve) as listener:
        with pytest.raises(SessionLost, match="not yet; come again"):
            async with attach(LocalLink(listener.path, "token")):
                pass


async def test_a_socket_that_closes_lets_go_of_all_who_are_there(tmp_path):
    async with LocalListener(tmp_path / "lease", only("token"), fail_to_serve) as listener:
        silent = [await asyncio.open_unix_connection(listener.path) for _ in range(3)]
    for reader, writer in silent:
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()


async def fail_to_serve(link: AcceptedLink) -> None:
    raise AssertionError("a stranger was served")


async def test_a_stranger_who_never_comes_to_the_point_is_turned_away(tmp_path):
    async with local(tmp_path):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "lease" / "session.sock")
        writer.write(b"x" * (5 << 20))
        with contextlib.suppress(ConnectionError):  # what it sent was not read to its end
            assert await reader.read()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def test_the_sockets_folder_is_its_owners_alone(tmp_path):
    async with local(tmp_path):
        assert stat.S_IMODE((tmp_path / "lease").stat().st_mode) == 0o700


async def test_a_relay_passes_every_stream_on_and_ends_with_the_first(tmp_path):
    onward, far = memory_links()

    async def pass_on(accepted: AcceptedLink) -> None:
        await relay(accepted, onward)

    async with LocalListener(tmp_path / "lease", only("token"), pass_on) as listener:
        link = LocalLink(listener.path, "token")
        pairs = [(await link.open(number), await far.open(number)) for number in (0, 1)]
        for here, there in pairs:
            await here.send(b"onward")
            assert await there.receive() == (EnvelopeKind.DATA, b"onward")
            await there.send(b"back")
            assert await here.receive() == (EnvelopeKind.DATA, b"back")
        await pairs[1][0].aclose()
        with pytest.raises(ConnectionLost):
            await pairs[1][1].receive()
        await pairs[0][0].aclose()
        with pytest.raises(ConnectionLost):
            await pairs[0][1].receive()
        await link.aclose()


def test_who_sends_on_a_local_stream_that_was_let_go_of_is_told_that_it_is_lost() -> None:
    """In the loop that the programs run in: uvloop raises what is no OSError."""

    async def play() -> None:
        near, far = socket.socketpair()
        stream = LocalStream(near)
        await stream.aclose()
        with pytest.raises(ConnectionLost):
            await stream.send(b"late")
        far.close()

    event_loop.run(play())
