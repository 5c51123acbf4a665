"""A client, and an exporter that says anything: the client's program gets an error in words, whatever comes."""

import asyncio
import logging
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jumplab.driver import errors
from jumplab.protocol.v1.common_pb2 import DriverInstanceReport, InterfaceReport
from jumplab.protocol.v1.session_pb2 import (
    CallError,
    CallItem,
    CallOpened,
    CallProgress,
    CallResult,
    Frame,
    Frames,
    Goodbye,
    LogLine,
    StatusChange,
    Welcome,
)
from jumplab.session.client import ClientClasses, Session, attach
from jumplab.session.frames import MAGIC
from jumplab.transport.errors import TransportError
from jumplab.transport.links import EnvelopeKind, Link
from jumplab.transport.memory import memory_links
from tests.fuzz import FUZZED
from tests.fuzz.payloads import ENVELOPES, NUMBERS, TEXTS

ROOT = DriverInstanceReport(uuid="root")
SCHEMAS = st.sampled_from(["", "{}", "[]", "null", "1", "{", '{"ping": null}', '{"ping": {"kind": 5}}', "[" * 5000])
REPORTS = st.builds(
    lambda uuid, parent, labels, schema, client, version: DriverInstanceReport(
        uuid=uuid,
        parent_uuid=parent,
        labels=labels,
        interfaces=[InterfaceReport(name="acme.Interface", version=version, schema=schema, client=client)],
    ),
    st.sampled_from(["root", "meter", "", "other"]),
    st.sampled_from([None, "root", "meter", "nobody", ""]),
    st.dictionaries(st.sampled_from(["jumpstarter.dev/name", "jumpstarter.dev/client", "x"]), TEXTS, max_size=2),
    SCHEMAS,
    st.sampled_from(["", "jumplab.drivers.power.PowerClient", "jumplab.drivers.nothing.X", "os.system", "..", "x"]),
    st.integers(0, (1 << 31) - 1),
)
WELCOMES = st.builds(
    lambda reports, epoch, flag, offset: Welcome(
        epoch=epoch, reports=reports, holds_items=flag, carries_streams=flag, end_offsets={"root": offset}
    ),
    st.one_of(
        st.just([ROOT]), st.lists(REPORTS, max_size=4), st.lists(REPORTS, max_size=3).map(lambda rest: [ROOT, *rest])
    ),
    TEXTS,
    st.booleans(),
    st.integers(0, (1 << 63) - 1),
)
SAID = st.one_of(
    st.builds(
        lambda number, value: Frame(call_result=CallResult(id=number, value=value)), NUMBERS, st.binary(max_size=9)
    ),
    st.builds(
        lambda number, kind, name, text: Frame(
            call_result=CallResult(id=number, error=CallError(kind=kind, type=name, message=text))
        ),
        NUMBERS,
        st.integers(0, 20),
        st.sampled_from(["", ":", "ValueError", "OSError:Mine"]),
        TEXTS,
    ),
    NUMBERS.map(lambda number: Frame(call_result=CallResult(id=number))),
    st.builds(lambda number, value: Frame(call_item=CallItem(id=number, value=value)), NUMBERS, st.binary(max_size=9)),
    st.builds(lambda number, done: Frame(call_progress=CallProgress(id=number, done=done)), NUMBERS, NUMBERS),
    NUMBERS.map(lambda number: Frame(call_opened=CallOpened(id=number))),
    ENVELOPES.map(lambda envelope: Frame(stream_envelope=envelope)),
    st.builds(lambda severity, text: Frame(log_line=LogLine(severity=severity, message=text)), TEXTS, TEXTS),
    st.builds(lambda status: Frame(status_change=StatusChange(status=status)), st.integers(0, 99)),
    TEXTS.map(lambda text: Frame(goodbye=Goodbye(reason=text))),
    WELCOMES.map(lambda welcome: Frame(welcome=welcome)),
    st.just(Frame()),
)
PAYLOADS = st.one_of(
    st.builds(
        lambda frames, received: Frames(frames=frames, received=received).SerializeToString(),
        st.lists(SAID, max_size=4),
        st.integers(0, 3),
    ),
    st.binary(max_size=64),
)
FIRST = st.one_of(
    WELCOMES.map(lambda welcome: MAGIC + Frames(frames=[Frame(welcome=welcome)]).SerializeToString()),
    PAYLOADS.map(lambda payload: MAGIC + payload),
    PAYLOADS,
)
TOLD = st.lists(st.tuples(st.sampled_from([EnvelopeKind.DATA] * 6 + list(EnvelopeKind)), PAYLOADS), max_size=6)


@settings(FUZZED, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(FIRST, TOLD)
def test_whatever_an_exporter_says_is_an_error_in_words(
    caplog: pytest.LogCaptureFixture, first: bytes, told: list[tuple[EnvelopeKind, bytes]]
) -> None:
    caplog.clear()
    asyncio.run(play(first, told))
    assert not [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


async def play(first: bytes, told: list[tuple[EnvelopeKind, bytes]]) -> None:
    """Attaches, calls and leaves. Only errors in words may come of it."""
    ours, theirs = memory_links()
    exporter = asyncio.create_task(_exporter(theirs, first, told))
    try:
        async with asyncio.timeout(240):
            with suppress(errors.DriverError):
                async with attach(ours, classes=ClientClasses(allow=("jumplab",))) as session:
                    call, items = session.call("root", "ping", b"{}"), _items(session)
                    await asyncio.gather(call, items, return_exceptions=True)
                    assert isinstance(await session.ended, errors.DriverError)
    finally:
        exporter.cancel()
        await asyncio.gather(exporter, return_exceptions=True)
        await ours.aclose()


async def _items(session: Session) -> list[bytes]:
    return [item async for item in session.call_streaming("root", "watch", b"{}")]


async def _exporter(link: Link, first: bytes, told: list[tuple[EnvelopeKind, bytes]]) -> None:
    stream = await link.open(0)
    with suppress(TransportError):
        await stream.receive()
        await stream.send(first)
        for kind, payload in told:
            await stream.send(payload, kind)
    await stream.aclose()
