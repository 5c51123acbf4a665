"""Envelopes as a router's wire has them: StreamRequest and StreamResponse, which are alike.

They are written and read here without the generated classes, which take sixty times as long to write a large one. What
another implementation may write otherwise, in another order or with fields of versions to come, the class reads.
"""

from google.protobuf.message import DecodeError

from jumplab.protocol.v1 import router_pb2
from jumplab.transport.links import KINDS, ConnectionLost, EnvelopeKind
from jumplab.transport.varint import varint

_PAYLOAD_TAG = b"\x0a"  # field 1, length-delimited
_FRAME_TYPE_TAG = 0x10  # field 2, a varint
_LENGTH_BYTES = 5
_ENDINGS = {kind: bytes((_FRAME_TYPE_TAG, kind)) if kind else b"" for kind in EnvelopeKind}
_BY_ENDING = {ending: kind for kind, ending in _ENDINGS.items()}


def written(payload: bytes, kind: EnvelopeKind) -> bytes:
    """The envelope's bytes."""
    length = len(payload)
    if not length:
        return _ENDINGS[kind]
    return b"".join((_PAYLOAD_TAG, varint(length), payload, _ENDINGS[kind]))


def read(envelope: bytes) -> tuple[EnvelopeKind, bytes] | None:
    """The kind of an envelope, and its payload; None for a kind of a later version. Raises ConnectionLost."""
    start, end = _payload(envelope) if envelope[:1] == _PAYLOAD_TAG else (0, 0)
    kind = _BY_ENDING.get(envelope[end:]) if end <= len(envelope) else None
    return _read_by_class(envelope) if kind is None else (kind, envelope[start:end])


def _payload(envelope: bytes) -> tuple[int, int]:
    """The begin and the end of the payload; behind the end of the envelope where its length can't be read."""
    length = shift = 0
    for start, byte in enumerate(envelope[1 : 1 + _LENGTH_BYTES], start=2):
        length |= (byte & 0x7F) << shift
        if byte <= 0x7F:
            return start, start + length
        shift += 7
    return 0, len(envelope) + 1


def _read_by_class(envelope: bytes) -> tuple[EnvelopeKind, bytes] | None:
    try:
        message = router_pb2.StreamResponse.FromString(envelope)
    except DecodeError as error:
        raise ConnectionLost("the other end sent what is no envelope") from error
    kind = KINDS.get(message.frame_type)
    return None if kind is None else (kind, message.payload)
