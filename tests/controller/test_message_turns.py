"""Messages of one caller are read a few at a time, and none for ever."""

from __future__ import annotations

import asyncio

import pytest
from grpc import StatusCode

from jumplab.protocol.v1 import controller_pb2
from jumplab.transport.channel import open_channel
from jumplab.transport.endpoint import Identity
from jumplab_operator.controller import interceptor
from jumplab_operator.controller.message_turns import MessageTurns
from tests.controller.lab import NAMESPACE
from tests.controller.world import Controller, refused

SOON = 240
"""Seconds; a bound that only a hang reaches."""
DIAL = "/jumplab.v1.ControllerService/Dial"


async def test_a_caller_has_so_many_turns_and_others_have_theirs() -> None:
    turns, leave = MessageTurns(at_once=2), asyncio.Event()
    entered: asyncio.Queue[str] = asyncio.Queue()

    async def read(caller: str) -> None:
        async with turns.reading(caller):
            entered.put_nowait(caller)
            await leave.wait()

    async with asyncio.timeout(SOON), asyncio.TaskGroup() as tasks:
        first = [tasks.create_task(read("a")) for _ in range(3)]
        tasks.create_task(read("b"))
        assert [await entered.get() for _ in range(3)] == ["a", "a", "b"]
        assert entered.empty()
        first[0].cancel()
        assert await entered.get() == "a"
        leave.set()
    assert not turns._turns
    assert not turns._users


@pytest.fixture
def short_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interceptor, "MessageTurns", lambda: MessageTurns(seconds=0.2))


@pytest.mark.usefixtures("short_turns")
async def test_a_message_that_does_not_come_is_refused(controller: Controller) -> None:
    identity = Identity(NAMESPACE, "Client", "ci", controller.lab.add_client("ci"))
    async with (
        open_channel(controller.endpoint, identity=identity) as channel,
        refused(StatusCode.UNAVAILABLE, "the message did not come within"),
    ):
        await channel.stream_unary(DIAL)(timeout=SOON)


async def test_a_call_without_a_message_is_refused(controller: Controller) -> None:
    identity = Identity(NAMESPACE, "Client", "ci", controller.lab.add_client("ci"))
    async with (
        open_channel(controller.endpoint, identity=identity) as channel,
        refused(StatusCode.INVALID_ARGUMENT, "the call has no message"),
    ):
        call = channel.stream_unary(DIAL)(timeout=SOON)
        await call.done_writing()
        await call


async def test_bytes_that_are_no_message_are_refused(controller: Controller, caplog: pytest.LogCaptureFixture) -> None:
    identity = Identity(NAMESPACE, "Client", "ci", controller.lab.add_client("ci"))
    async with (
        open_channel(controller.endpoint, identity=identity) as channel,
        refused(StatusCode.INVALID_ARGUMENT, "the message is not of the method's type"),
    ):
        await channel.unary_unary(DIAL)(b"\xff" * 100, timeout=SOON)
    assert not [record for record in caplog.records if record.exc_info]


async def test_a_message_of_a_whole_report_is_read_and_none_above(controller: Controller) -> None:
    identity = Identity(NAMESPACE, "Exporter", "bench", controller.lab.add_exporter("bench"))
    async with open_channel(controller.endpoint, identity=identity) as channel:
        register = channel.unary_unary("/jumplab.v1.ControllerService/Register")
        for size, words in ((4_300_000, "the limit is 4194304"), (10_000_000, "larger than max")):
            unread = controller_pb2.RegisterRequest(labels={"a": "x" * size}).SerializeToString()
            async with refused(StatusCode.RESOURCE_EXHAUSTED, words):
                await register(unread, timeout=SOON)
