"""HTTP/2 by hand, as far as it takes to say to a gRPC server what no gRPC library says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jumplab.transport.endpoint import Identity

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RESET, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
_END_OF_STREAM, _END_OF_HEADERS = 1, 4


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


def start() -> bytes:
    """What a client begins with."""
    return PREFACE + frame(SETTINGS, 0, 0)


def _text(text: bytes) -> bytes:
    """A string of HPACK, which isn't packed. A length from 127 on takes further bytes."""
    if len(text) < 127:
        return bytes([len(text)]) + text
    rest, more = len(text) - 127, bytearray([127])
    while rest >= 128:
        more.append(rest % 128 + 128)
        rest //= 128
    return bytes(more) + bytes([rest]) + text


def headers(fields: Mapping[bytes, bytes], *, stream: int = 1, end: bool = False) -> bytes:
    block = b"".join(b"\0" + _text(name) + _text(value) for name, value in fields.items())
    return frame(HEADERS, _END_OF_HEADERS | (_END_OF_STREAM if end else 0), stream, block)


def call(path: str, caller: Identity, **changed: bytes) -> dict[bytes, bytes]:
    """The headers of a gRPC call. changed: others, with `_` for `-`; empty: left out."""
    usual = {
        b":method": b"POST", b":scheme": b"https", b":path": path.encode(), b":authority": b"lab",
        b"te": b"trailers", b"content-type": b"application/grpc",
    }  # fmt: skip
    usual |= {name.encode(): value.encode() for name, value in caller.metadata()}
    others = {name.replace("_", "-").encode(): value for name, value in changed.items()}
    return {name: value for name, value in (usual | others).items() if value}


def message(body: bytes, *, flag: int = 0, size: int | None = None) -> bytes:
    """A gRPC message in a DATA frame that ends the stream.  size: what it says of itself, if not the truth."""
    prefix = bytes([flag]) + (len(body) if size is None else size).to_bytes(4)
    return frame(DATA, _END_OF_STREAM, 1, prefix + body)


def noise(path: str, caller: Identity) -> Iterator[tuple[str, bytes]]:
    """What a client may say after its start: what is wrong, and the bytes."""
    whole = headers(call(path, caller))
    for field, values in {
        "grpc_timeout": (b"soon", b"-1S", b"9" * 30 + b"S", b"0n"),
        "grpc_encoding": (b"nonsense", b"gzip", b"\xff"),
        "content_type": (b"text/html", b"application/grpc+nonsense", b"\xff"),
        "te": (b"nonsense",),
        "authorization": (b"\xff\xfe", b"Bearer", b"\0"),
        "x_jumplab_stream": (b"\xc2\xb2", b"-1", b"9" * 5000),
        "x_jumplab_dial_bin": (b"!!!", b"////", b"AAAA,BBBB"),
        "user_agent": (b"\r\n\r\n", b"\xf0\x9f"),
    }.items():
        for value in values:
            yield f"{field}: {value[:20]!r}", headers(call(path, caller, **{field: value})) + message(b"")
    yield "a path that is not UTF-8", headers({**call(path, caller), b":path": b"/\xff/\xff"}) + message(b"")
    for strange in ("", "/", "//", "nothing", "/a/b/c", "/jumplab.v1.ControllerService"):
        yield f"path {strange!r}", headers({**call(path, caller), b":path": strange.encode()}) + message(b"")
    yield "a compressed message", whole + message(b"\x1f\x8bnoise", flag=1)
    yield "an unknown flag", whole + message(b"", flag=9)
    yield "a huge message", whole + message(b"", size=(1 << 32) - 1)
    yield "half a message", whole + message(b"half", size=100)
    yield "no protobuf", whole + message(b"\xff" * 20)
    yield "half a protobuf", whole + message(b"\x0a\x7fx")
    yield "a name that isn't UTF-8", whole + message(b"\x0a\x02\xff\xfe")
    yield "no message", headers(call(path, caller), end=True)
    yield "a reset", whole + frame(RESET, 0, 1, bytes(4))
    yield "an even stream", headers(call(path, caller), stream=2)
    yield "no HPACK", frame(HEADERS, _END_OF_HEADERS, 1, b"\xff" * 50)
    yield "a continuation of nothing", frame(CONTINUATION, _END_OF_HEADERS, 1, b"x")
    yield "a window that overflows", frame(WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff") * 2
    yield "a ping of three bytes", frame(PING, 0, 0, b"abc")
    yield "many headers", headers({**call(path, caller), **{b"x-%d" % number: b"a" * 100 for number in range(500)}})
    yield "a goodbye", frame(GOAWAY, 0, 0, bytes(8)) + whole
    yield "noise", b"\xff" * 500
