"""One caller at full speed has its own rate; others don't wait for it."""

import asyncio

import pytest
from grpc import StatusCode, aio

from jumplab.protocol.v1 import controller_pb2
from jumplab_operator import call_rates
from jumplab_operator.call_rates import AsksTooOften, CallRates
from tests.controller.world import Controller

SOON = 240
"""Seconds; a bound that only a hang reaches."""


class Time:
    """The time that rates see; it stands until the test moves it."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


async def outcomes(rates: CallRates, caller: str, count: int) -> list[bool]:
    """Whether each of so many requests at once is carried out."""
    answers = await asyncio.gather(*(rates.wait(caller) for _ in range(count)), return_exceptions=True)
    assert all(answer is None or isinstance(answer, AsksTooOften) for answer in answers)
    return [answer is None for answer in answers]


async def test_a_burst_is_carried_out_then_a_second_of_turns_and_the_rest_is_refused() -> None:
    rates = CallRates(Time(), rate=8, burst=4)
    assert await outcomes(rates, "a", 30) == [True] * 13 + [False] * 17
    assert await outcomes(rates, "b", 4) == [True] * 4


async def test_turns_come_back_with_time() -> None:
    time = Time()
    rates = CallRates(time, rate=8, burst=4)
    await outcomes(rates, "a", 30)
    time.now += 0.5
    assert await outcomes(rates, "a", 10) == [True] * 4 + [False] * 6
    time.now += 1000
    assert sum(await outcomes(rates, "a", 30)) == 13


async def test_large_requests_count_as_many() -> None:
    time = Time()
    rates = CallRates(time, rate=8, burst=4)
    await rates.wait("a", 100 * call_rates.FREE_BYTES)
    with pytest.raises(AsksTooOften) as refused:
        await rates.wait("a")
    assert (
        refused.value.seconds == 12
    )  # 101 turns without a burst of 4, at 8 a second; the last second may be waited for
    assert await outcomes(rates, "b", 4) == [True] * 4
    time.now += refused.value.seconds
    assert await outcomes(rates, "a", 1) == [True]


async def test_callers_that_are_silent_are_forgotten() -> None:
    time = Time()
    rates = CallRates(time)
    for number in range(10_001):
        rates._turn(str(number))
    time.now += 1
    rates._turn("last")
    assert list(rates._next) == ["last"]


async def test_a_client_at_full_speed_hears_when_to_come_back(controller: Controller) -> None:
    hasty, other = controller.lab.add_client("hasty"), controller.lab.add_client("other")
    request = controller_pb2.ListLeasesRequest()
    async with controller.calling("Client", "hasty", hasty) as (service, _):
        calls = [service.ListLeases(request, timeout=SOON) for _ in range(2_000)]
        async with controller.calling("Client", "other", other) as (calm, _):
            await calm.ListLeases(request, timeout=SOON)
        answers = await asyncio.gather(*calls, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, aio.AioRpcError)]
    assert {each.code() for each in refused} == {StatusCode.RESOURCE_EXHAUSTED}
    assert (
        "asks too often: 200 requests a second are carried out, and each 4 KiB of them count as one; try again in 1 s"
        in str(refused[0].details())
    )


async def test_a_client_that_sends_large_messages_waits_for_as_long_as_they_cost(controller: Controller) -> None:
    token = controller.lab.add_client("ci")
    large = controller_pb2.DialRequest(lease_name="x" * 200_000)
    async with controller.calling("Client", "ci", token) as (service, _):
        calls = [service.Dial(large, timeout=SOON) for _ in range(30)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
    codes = [answer.code() for answer in answers if isinstance(answer, aio.AioRpcError)]
    assert codes.count(StatusCode.NOT_FOUND) >= 8  # the burst has 400 turns, each takes 48
    assert StatusCode.RESOURCE_EXHAUSTED in codes


@pytest.mark.parametrize("count", [300])
async def test_a_client_that_asks_one_thing_after_the_other_is_never_refused(
    controller: Controller, count: int
) -> None:
    token = controller.lab.add_client("ci")
    async with controller.calling("Client", "ci", token) as (service, _):
        for _ in range(count):
            await service.ListLeases(controller_pb2.ListLeasesRequest(), timeout=SOON)
