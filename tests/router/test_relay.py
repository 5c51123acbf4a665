"""What joined streams carry, and how they end."""

import asyncio
import os
import sys
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from typing import Any

import pytest
from grpc import StatusCode, aio

from jumplab_operator.router.relay import Router
from jumplab_operator.router.tokens import Role
from tests.exporter.waiting import until
from tests.promises import kept_within
from tests.worlds.relay import METHOD, Bench, Peers, ending, served

FENCED_WITHIN = timedelta(seconds=2)
SOON = 30
"""Seconds; a bound that only a hang reaches."""


async def test_messages_pass_both_ways_unchanged(peers: Peers) -> None:
    client, exporter = await peers.pair()
    blob = os.urandom(256 << 10)
    for message in (b"", b"\x00\xff not a protobuf message", blob):
        await client.write(message)
        assert await exporter.read() == message
        await exporter.write(message)
        assert await client.read() == message


async def test_the_numbers_of_a_session_are_streams_of_their_own(peers: Peers) -> None:
    zero, zero_there = await peers.pair(0)
    seven, seven_there = await peers.pair(7)
    await seven.write(b"seven")
    await zero.write(b"zero")
    assert await zero_there.read() == b"zero"
    assert await seven_there.read() == b"seven"


async def test_what_the_first_peer_sends_waits_for_the_second(peers: Peers) -> None:
    exporter = await peers.stream(Role.EXPORTER)
    await exporter.write(b"early")
    client = await peers.stream(Role.CLIENT)
    assert await client.read() == b"early"


async def test_a_stream_that_both_peers_have_finished_ends_well(peers: Peers) -> None:
    client, exporter = await peers.pair()
    await client.done_writing()
    await exporter.write(b"still open in this direction")
    assert await client.read() == b"still open in this direction"
    await exporter.done_writing()
    assert await ending(client) == (StatusCode.OK, "")
    assert await ending(exporter) == (StatusCode.OK, "")


async def test_a_peer_that_hangs_up_ends_the_others_stream(peers: Peers) -> None:
    client, exporter = await peers.pair()
    client.cancel()
    code, sentence = await asyncio.wait_for(ending(exporter), SOON)
    assert code is StatusCode.UNAVAILABLE
    assert "dial again" in sentence


@pytest.mark.parametrize(
    ("ends", "told"), [("hangs up", StatusCode.UNAVAILABLE), ("is cut off", StatusCode.FAILED_PRECONDITION)]
)
async def test_a_peer_that_has_read_nothing_yet_hears_how_its_stream_has_ended(
    peers: Peers, router: Router, ends: str, told: StatusCode
) -> None:
    client, exporter = await peers.stream(Role.CLIENT), await peers.stream(Role.EXPORTER)
    await client.write(b"hello")
    assert await exporter.read() == b"hello"
    sending = asyncio.create_task(_flood(exporter), name="sender")
    await asyncio.wait({sending}, timeout=0.5)  # what is written to the client waits for it to read
    assert not sending.done()
    if ends == "hangs up":
        exporter.cancel()
    else:
        router.cut("lease-uid")
    await until(lambda: not router._switchboard._of_lease)
    assert (await asyncio.wait_for(ending(client), SOON))[0] is told
    await asyncio.wait({sending})


async def _flood(peer: Any) -> None:
    with suppress(aio.AioRpcError, asyncio.CancelledError, asyncio.InvalidStateError):
        while True:
            await peer.write(bytes(4 << 20))  # more than is let through to who does not read


async def test_a_peer_whose_process_is_killed_ends_the_others_stream(peers: Peers) -> None:
    program = f"""
import asyncio
from jumplab.transport.channel import open_channel
from jumplab.transport.endpoint import Endpoint, Tls
async def main():
    endpoint = Endpoint({peers.bench.endpoint.address!r}, Tls({peers.bench.endpoint.tls.ca_pem!r}))
    call = open_channel(endpoint, token={peers.bench.token(Role.EXPORTER)!r}).stream_stream({METHOD!r})()
    await call.write(b"here")
    await asyncio.Event().wait()
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
    try:
        client = await peers.stream(Role.CLIENT)
        assert await asyncio.wait_for(client.read(), SOON) == b"here"
    finally:
        process.kill()
        await process.wait()
    code, _ = await asyncio.wait_for(ending(client), SOON)
    assert code is StatusCode.UNAVAILABLE


async def test_cutting_a_lease_ends_its_streams_and_refuses_new_ones(peers: Peers, router: Router) -> None:
    client, exporter = await peers.pair()
    waiting = await peers.stream(Role.CLIENT, 3)
    other, other_there = await peers.pair(session="s2", lease="other-lease")
    with kept_within(FENCED_WITHIN):
        router.cut("lease-uid")
        for stream in (client, exporter, waiting):
            assert await ending(stream) == (StatusCode.FAILED_PRECONDITION, "the lease has ended; create a new one")
    code, _ = await ending(await peers.stream(Role.CLIENT, 1, session="s9"))
    assert code is StatusCode.FAILED_PRECONDITION
    await other.write(b"goes on")
    assert await other_there.read() == b"goes on"


async def test_a_lease_that_was_handed_over_keeps_the_streams_of_its_new_holder_alone(
    peers: Peers, router: Router
) -> None:
    client, exporter = await peers.pair()
    router.cut("lease-uid", "heir")
    for stream in (client, exporter):
        code, sentence = await ending(stream)
        assert code is StatusCode.FAILED_PRECONDITION
        assert "belongs to another client" in sentence
    code, sentence = await ending(await peers.stream(Role.CLIENT, 0, session="s8"))
    assert code is StatusCode.FAILED_PRECONDITION
    assert "belongs to another client" in sentence
    await peers.pair(session="s9", holder="heir")


async def test_a_stream_is_cut_at_the_deadline_in_its_token(peers: Peers) -> None:
    deadline = peers.bench.now() + timedelta(milliseconds=300)
    client, exporter = [await peers.stream(role, deadline=deadline) for role in (Role.CLIENT, Role.EXPORTER)]
    code, sentence = await asyncio.wait_for(ending(client), SOON)
    assert (code, sentence) == (StatusCode.FAILED_PRECONDITION, "the lease has ended; create a new one")
    assert (await ending(exporter))[0] in (StatusCode.FAILED_PRECONDITION, StatusCode.UNAVAILABLE)
    assert peers.bench.now() >= deadline


async def test_a_stream_of_a_prolonged_lease_goes_on_past_the_deadline_in_its_token(peers: Peers) -> None:
    peers.bench.prolonged_to = peers.bench.now() + timedelta(hours=1)
    client, exporter = await peers.pair(deadline=peers.bench.now() - timedelta(seconds=1))
    await exporter.write(b"still here")
    assert await client.read() == b"still here"


async def test_closing_the_router_tells_the_peers_to_come_back(peers: Peers, router: Router) -> None:
    client, exporter = await peers.pair()
    router.close()
    for stream in (client, exporter):
        code, sentence = await ending(stream)
        assert code is StatusCode.UNAVAILABLE
        assert "in a moment" in sentence


async def test_a_peer_that_does_not_come_is_not_waited_for_for_ever(bench: Bench) -> None:
    async with served(bench, timedelta(milliseconds=100)), AsyncExitStack() as stack:
        client = await Peers(bench, stack).stream(Role.CLIENT, 4)
        code, sentence = await asyncio.wait_for(ending(client), SOON)
    assert code is StatusCode.UNAVAILABLE
    assert "the exporter did not open stream 4" in sentence


async def test_a_slow_reader_holds_the_sender_back(peers: Peers) -> None:
    client, exporter = await peers.pair()
    blob = bytes(256 << 10)
    sent = 0

    async def send() -> None:
        nonlocal sent
        for _ in range(400):  # 100 MiB, far above all windows and socket buffers together
            await client.write(blob)
            sent += 1
        await client.done_writing()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(send(), name="sender")
        stalled_at = -1
        while stalled_at != sent:  # until nothing moves any more
            stalled_at = sent
            await asyncio.sleep(0.5)
        assert sent < 200
        received = 0
        while received < 400:
            assert await exporter.read() == blob
            received += 1
    assert sent == 400
    assert client.done() is False
    client.cancel()
