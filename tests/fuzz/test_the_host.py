"""A session's host, and clients that say anything: they are told or let go, and the well-behaved one goes on."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from jumplab.driver import Driver
from jumplab.session.client import attach
from jumplab.transport.errors import TransportError
from jumplab.transport.links import EnvelopeKind
from jumplab.transport.memory import memory_links
from tests.driver.boards import Meter, Slow
from tests.fuzz import FUZZED
from tests.fuzz.payloads import FIRST_PAYLOADS, METER, PAYLOADS
from tests.session.links import EVERYTHING, hosted

ENVELOPES = st.tuples(st.sampled_from([EnvelopeKind.DATA] * 6 + list(EnvelopeKind)), PAYLOADS)


@FUZZED
@given(FIRST_PAYLOADS, st.lists(ENVELOPES, max_size=8), st.integers(0, 6))
def test_whatever_a_client_says_the_other_one_goes_on(
    first: bytes, following: list[tuple[EnvelopeKind, bytes]], streams: int
) -> None:
    asyncio.run(play(first, following, streams))


async def play(first: bytes, following: list[tuple[EnvelopeKind, bytes]], streams: int) -> None:
    drivers: dict[str, Driver] = {"meter": Meter(), "slow": Slow()}
    async with hosted(**drivers) as host:
        ours, theirs = memory_links()
        good, its = memory_links()
        serving = [asyncio.create_task(host.serve(link)) for link in (theirs, its)]
        async with attach(good, classes=EVERYTHING) as session:
            uuid = session.root.meter._node.uuid.encode()
            stream = await ours.open(0)
            try:
                await stream.send(first.replace(METER.encode(), uuid))
                for number in range(1, streams + 1):
                    await (await ours.open(number)).send(b"bytes")
                for kind, payload in following:
                    await asyncio.wait_for(stream.send(payload.replace(METER.encode(), uuid), kind), 20)
            except TransportError:
                pass  # it has been let go already
            assert await asyncio.wait_for(session.root.meter.ping(), 20) == "pong"
            assert not serving[1].done()
        await ours.aclose()
        await good.aclose()
        for task in serving:
            task.cancel()
        outcomes = await asyncio.gather(*serving, return_exceptions=True)
        assert all(outcome is None or isinstance(outcome, asyncio.CancelledError) for outcome in outcomes), outcomes
