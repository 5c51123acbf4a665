"""A peer of another version on stream 0: what one side does not know yet, and what the other does not send yet."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from google.protobuf.message import Message

from jumplab.client.sessions import log_status
from jumplab.driver import errors
from jumplab.protocol.v1.session_pb2 import Call, CallError, CallResult, Frame, Frames, Hello, StatusChange, Welcome
from jumplab.session import call_errors
from jumplab.session.client import attach
from jumplab.session.frames import MAGIC
from jumplab.transport.links import EnvelopeKind, EnvelopeStream
from jumplab.transport.memory import memory_links
from tests.driver.boards import Meter
from tests.session.links import hosted, linked

NEW_FIELD = b"\xa2\x06\x01x"
"""A field of a number that no message has: 100, with a text."""
NEW_FRAME = b"\x0a\x04" + NEW_FIELD
"""A frame of a kind that does not exist yet, in a payload."""


def newer(message: Message) -> bytes:
    """The message as a later version sends it, with a field more."""
    return message.SerializeToString() + NEW_FIELD


def framed(kind: int, message: Message) -> bytes:
    """A frame of this number around a message of a later version, in a payload."""
    content = newer(message)
    frame = bytes([kind << 3 | 2, len(content)]) + content + NEW_FIELD
    return bytes([0x0A, len(frame)]) + frame


async def frames(stream: EnvelopeStream) -> list[Frame]:
    kind, payload = await stream.receive()
    assert kind is EnvelopeKind.DATA, payload
    return list(Frames.FromString(payload.removeprefix(MAGIC)).frames)


async def test_an_exporter_serves_a_newer_client() -> None:
    async with hosted(meter=Meter()) as host, linked(host) as link:
        stream = await link.open(0)
        await stream.send(MAGIC + framed(1, Hello(session="s")))
        (first,) = await frames(stream)
        meter = first.welcome.reports[1].uuid
        await stream.send(NEW_FRAME + framed(3, Call(id=1, driver_uuid=meter, method="ping", arguments=b"{}")))
        answered = await frames(stream)
        assert [frame.call_result.value for frame in answered] == [b'"pong"']


async def test_what_it_does_not_know_counts_as_received() -> None:
    """So that a newer client, which counts what it sends, can go on after a lost connection."""
    async with hosted(meter=Meter()) as host, linked(host) as link:
        stream = await link.open(0)
        await stream.send(MAGIC + framed(1, Hello(session="s")))
        await frames(stream)
        await stream.send(NEW_FRAME + NEW_FRAME + framed(3, Call(id=1, method="none", arguments=b"{}")))
        _, payload = await stream.receive()
        assert Frames.FromString(payload).received == 3


@asynccontextmanager
async def newer_exporter(*said: bytes) -> AsyncIterator[EnvelopeStream]:
    """A client's session with an exporter that says these payloads after its welcome: the exporter's end."""
    ours, theirs = memory_links()
    stream = await theirs.open(0)
    welcome = Welcome(epoch="e", reports=[{"uuid": "root"}])
    await stream.send(MAGIC + framed(2, welcome))
    for payload in said:
        await stream.send(payload)
    async with attach(ours) as session:
        yield stream
        assert not session.life.is_over
    await theirs.aclose()


async def test_a_client_uses_a_newer_exporter() -> None:
    status = framed(9, StatusChange(status=77, message="resting"))  # type: ignore[arg-type] # of a version to come
    async with newer_exporter(NEW_FRAME, status) as stream:
        await frames(stream)


async def test_an_older_exporter_says_less() -> None:
    """Its welcome has an epoch and reports alone: what it would have to know is not sent to it."""
    async with newer_exporter() as stream:
        await frames(stream)


def test_a_status_of_a_later_version_is_logged_as_none_that_is_known(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        log_status(StatusChange(status=77, message="resting"))  # type: ignore[arg-type] # of a version to come
    assert "the exporter's status is UNSPECIFIED: resting" in caplog.text


def test_an_error_of_a_kind_to_come_is_a_failed_call() -> None:
    error = CallError(kind=99, type="CallTired", message="later")  # type: ignore[arg-type] # of a version to come
    told = CallResult.FromString(newer(CallResult(id=1, error=error)))
    raised = call_errors.to_driver_error(told.error, "meter", "read")
    assert type(raised) is errors.CallFailed
    assert str(raised) == "meter.read: later"
