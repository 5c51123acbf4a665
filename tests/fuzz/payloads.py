"""Payloads of stream 0: honest ones, honest ones with something done to them, and noise."""

from hypothesis import strategies as st

from jumplab.protocol.v1.session_pb2 import (
    Call,
    CallCancel,
    CallTaken,
    Frame,
    Frames,
    Hello,
    Leave,
    Reopen,
    StreamEnvelope,
)
from jumplab.session.frames import MAGIC

# Stands for a driver's uuid, and is as long: who plays it puts the real one in its place, and every length stays right.
METER = "the uuid of the driver that is called"[:36]

NUMBERS = st.one_of(st.integers(0, 5), st.integers(0, (1 << 64) - 1))
STREAMS = st.one_of(st.integers(0, 5), st.integers(0, (1 << 32) - 1))
TEXTS = st.text(max_size=20).filter(lambda text: text.isprintable())
ARGUMENTS = st.one_of(
    st.sampled_from([b"{}", b'{"count": 9}']),
    st.binary(max_size=40),
    st.sampled_from([b"[" * 5000, b'{"data": "\\ud800"}']),
)

CALLS = st.builds(
    lambda number, uuid, method, arguments, stream, timeout, window, carried: Call(
        id=number,
        driver_uuid=uuid,
        method=method,
        arguments=arguments,
        stream=stream,
        timeout_ms=timeout,
        window_bytes=window,
        carried=carried,
    ),
    NUMBERS,
    st.sampled_from([METER, METER, "", "none"]),
    st.sampled_from(["ping", "watch", "raw", "blob", "__init__", "", "wait"]),
    ARGUMENTS,
    STREAMS,
    NUMBERS,
    NUMBERS,
    st.booleans(),
)
ENVELOPES = st.builds(
    lambda number, kind, payload, closed: StreamEnvelope(id=number, kind=kind, payload=payload, closed=closed),
    NUMBERS,
    STREAMS,
    st.binary(max_size=40),
    st.booleans(),
)
FRAMES = st.one_of(
    CALLS.map(lambda call: Frame(call=call)),
    NUMBERS.map(lambda number: Frame(call_cancel=CallCancel(id=number))),
    st.builds(lambda number, count: Frame(call_taken=CallTaken(id=number, bytes=count)), NUMBERS, NUMBERS),
    st.builds(lambda number, stream: Frame(reopen=Reopen(id=number, stream=stream)), NUMBERS, STREAMS),
    st.builds(lambda name, count: Frame(hello=Hello(session=name, received=count)), TEXTS, NUMBERS),
    ENVELOPES.map(lambda envelope: Frame(stream_envelope=envelope)),
    st.just(Frame(leave=Leave())),
    st.just(Frame()),
)
GATHERED = st.builds(
    lambda frames, received: Frames(frames=frames, received=received),
    st.lists(FRAMES, max_size=4),
    st.one_of(st.just(0), NUMBERS),
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """An honest payload, cut short, lengthened or with a byte changed."""
    payload = bytearray(draw(GATHERED).SerializeToString())
    match draw(st.sampled_from(["whole", "cut", "more", "changed"])):
        case "cut":
            return bytes(payload[: draw(st.integers(0, len(payload)))])
        case "more":
            return bytes(payload) + draw(st.binary(max_size=8))
        case "changed" if payload:
            payload[draw(st.integers(0, len(payload) - 1))] = draw(st.integers(0, 255))
    return bytes(payload)


PAYLOADS = st.one_of(damaged(), st.binary(max_size=64))
FIRST_PAYLOADS = st.one_of(
    damaged().map(lambda payload: MAGIC + payload),
    st.builds(lambda hello: MAGIC + Frames(frames=[hello]).SerializeToString(), FRAMES),
    st.binary(max_size=64),
)
