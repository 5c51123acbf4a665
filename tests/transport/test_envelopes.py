"""Envelopes are written and read as the generated classes do it, whatever the bytes."""

import pytest
from google.protobuf.message import DecodeError
from hypothesis import example, given
from hypothesis import strategies as st

from jumplab.protocol.v1 import router_pb2
from jumplab.transport import envelopes
from jumplab.transport.links import ENVELOPE_BYTES, ConnectionLost, EnvelopeKind

KINDS = st.sampled_from(EnvelopeKind)
FIELDS = [
    b"\x0a",
    b"\x0a\x01a",
    b"\x0a\x81\x00a",
    b"\x0a\x80",
    b"\x0a\xff\xff\xff\xff\x7f",
    b"\x10\x00",
    b"\x10\x07",
    b"\x18\x01",
]


def read_by_class(envelope: bytes) -> tuple[EnvelopeKind, bytes] | str | None:
    try:
        message = router_pb2.StreamResponse.FromString(envelope)
    except DecodeError:
        return "lost"
    known = message.frame_type in {int(kind) for kind in EnvelopeKind}
    return (EnvelopeKind(message.frame_type), message.payload) if known else None


def read(envelope: bytes) -> tuple[EnvelopeKind, bytes] | str | None:
    try:
        return envelopes.read(envelope)
    except ConnectionLost:
        return "lost"


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16383, 16384, ENVELOPE_BYTES])
@pytest.mark.parametrize("kind", EnvelopeKind)
def test_every_size_and_kind_is_what_the_class_writes_and_is_read_again(size: int, kind: EnvelopeKind) -> None:
    payload = b"x" * size
    envelope = envelopes.written(payload, kind)
    assert envelope == router_pb2.StreamRequest(payload=payload, frame_type=int(kind)).SerializeToString()
    assert envelopes.read(envelope) == (kind, payload)


@given(st.binary(max_size=300) | st.lists(st.sampled_from(FIELDS) | st.binary(max_size=4)).map(b"".join))
@example(b"\x10\x05")  # a kind of a version to come
@example(b"\x10\x07\x0a\x01a")  # the other order
@example(b"\x0a\x01a\x0a\x01b")  # a field twice: the last one counts
@example(b"\x0a\x02a")  # cut short
def test_whatever_comes_is_read_as_the_class_reads_it(envelope: bytes) -> None:
    assert read(envelope) == read_by_class(envelope)


@given(st.binary(max_size=300), KINDS, st.integers(0, 8))
def test_an_envelope_that_is_cut_or_has_more_behind_it_is_read_as_the_class_reads_it(
    payload: bytes, kind: EnvelopeKind, cut: int
) -> None:
    envelope = envelopes.written(payload, kind)
    for changed in (envelope[: max(0, len(envelope) - cut)], envelope + b"\x18\x01", envelope[cut:]):
        assert read(changed) == read_by_class(changed)
