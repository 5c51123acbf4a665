"""What is given noise: each target takes bytes and returns, or raises where something of ours is at fault."""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.api_jws import encode

from jumplab.protocol.grpc_loading import aio, grpc
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
from jumplab.transport.links import EnvelopeKind
from jumplab_operator.router import tokens
from jumplab_operator.router.relay import Router
from jumplab_operator.router.tokens import Role, StreamClaims
from jumplab_operator.standalone.base import strict_json
from jumplab_operator.standalone.http import patches
from jumplab_operator.standalone.storage.writer import encode as encode_json
from tests.fuzz.payloads import METER
from tests.fuzz.test_configuration_files import READ, read_file
from tests.fuzz.test_console_patterns import look
from tests.fuzz.test_frames import heard
from tests.fuzz.test_json import patched
from tests.fuzz.test_selectors import selected
from tests.fuzz.test_the_host import play

_Metadata = Sequence[tuple[str, str | bytes]]

_KEY = ec.generate_private_key(ec.SECP256R1())
_MOST_PIECES = 8
_BOUND_SECONDS = 20
_REFUSALS = frozenset(
    {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.INVALID_ARGUMENT}
)


@dataclass(frozen=True, slots=True)
class Target:
    """run: takes noise.  seeds: honest input, which the noise is made from."""

    run: Callable[[bytes], None]
    seeds: Sequence[bytes]


def pieces(noise: bytes) -> list[bytes]:
    """Noise as a few messages, each behind a byte that says how long it is; the rest is the last one."""
    found: list[bytes] = []
    while noise and len(found) < _MOST_PIECES:
        size, noise = noise[0], noise[1:]
        found.append(noise[:size])
        noise = noise[size:]
    return [*found, noise] if noise else found


def joined(*messages: bytes) -> bytes:
    """Noise whose `pieces` are these messages, of 255 bytes each at most."""
    return b"".join(bytes([len(message)]) + message for message in messages)


def frames(noise: bytes) -> None:
    """Payloads of stream 0 are frames or a TransportError, as the first one, after the magic and later."""
    data = EnvelopeKind.DATA
    heard((data, noise))
    heard((data, MAGIC + noise), (data, noise))


def host(noise: bytes) -> None:
    """A session's host tells a client that says anything, or lets it go; the client beside it goes on."""
    first, *following = pieces(noise) or [b""]
    streams = len(noise) % 4
    asyncio.run(play(MAGIC + first, [(EnvelopeKind.DATA, payload) for payload in following], streams))


def router(noise: bytes) -> None:
    """Without a token of ours nobody gets in, whatever the claims; with one, messages arrive as they were sent."""
    asyncio.run(_routed(noise))


async def _routed(noise: bytes) -> None:
    router = Router(_KEY.public_key())
    token, number, *messages = [*pieces(noise), b"", b""]
    bare: _Metadata = [("authorization", token.decode("latin-1"))]
    whole: _Metadata = [("authorization", f"Bearer {token.decode('latin-1')}"), ("x-jumplab-stream", number)]
    for metadata in (bare, whole):
        refused = await _finished(router, _Peer(metadata))
        assert refused in _REFUSALS, f"noise was answered with {refused}"
    with suppress(tokens.InvalidStreamToken):
        tokens.read(encode(token, _KEY, algorithm=tokens.ALGORITHM), _KEY.public_key())
    client, exporter = _Peer(_admitted(Role.CLIENT), messages), _Peer(_admitted(Role.EXPORTER))
    codes = await asyncio.gather(_finished(router, client), _finished(router, exporter))
    assert not any(codes), codes
    assert exporter.heard == messages


def json_bodies(noise: bytes) -> None:
    """A body is a value that can be stored, or is refused; so is what it leaves as a patch of each type."""
    with suppress(ValueError):
        value = strict_json.read(noise)
        assert strict_json.read(encode_json(value)) == value
        for media_type in (patches.JSON, patches.MERGE, patches.STRATEGIC):
            patched(media_type, {"metadata": {"name": "a"}, "a": [1, {"b": None}]}, value)


def selectors(noise: bytes) -> None:
    """Every parser of label selectors says the same of a text."""
    selected(noise.decode(errors="replace"), {"a": "b"})


def files(noise: bytes) -> None:
    """A configuration file of each kind is read, or refused with its name."""
    for kind in READ:
        read_file(kind, noise)


def patterns(noise: bytes) -> None:
    """A pattern is looked for in a console's text, or refused."""
    messages = pieces(noise) or [b""]
    look([messages[0].decode(errors="replace")], b"".join(messages[1:]).decode(errors="replace"))


def _admitted(role: Role) -> _Metadata:
    later = datetime.now(UTC) + timedelta(hours=1)
    claims = StreamClaims("session", role, "lease", "lab/lease", "lab/ci", "exporter", later, later)
    return [("authorization", f"Bearer {tokens.mint(claims, _KEY)}")]


class _Ended(Exception):
    """The router has ended an RPC with this status."""


class _Peer:
    """An RPC of the router's, as its server shows it, of a peer that sends these messages and ends its direction."""

    def __init__(self, metadata: _Metadata, messages: Sequence[bytes] = ()) -> None:
        self._metadata = metadata
        self._messages = iter(messages)
        self.heard: list[bytes] = []

    def invocation_metadata(self) -> _Metadata:
        return self._metadata

    async def send_initial_metadata(self, _: object) -> None:
        pass

    async def abort(self, code: grpc.StatusCode, sentence: str) -> NoReturn:
        assert sentence
        raise _Ended(code)

    async def read(self) -> Any:
        return next(self._messages, aio.EOF)

    async def write(self, message: bytes) -> None:
        self.heard.append(message)


async def _finished(router: Router, peer: _Peer) -> grpc.StatusCode | None:
    """The status with which the router refuses or ends the peer's RPC; None where it ends well."""
    try:
        async with asyncio.timeout(_BOUND_SECONDS):
            await router._stream(None, peer)  # type: ignore[arg-type] # as much of a context as the router uses
    except _Ended as ended:
        code: grpc.StatusCode = ended.args[0]
        return code
    return None


def _payload(*said: Frame) -> bytes:
    return Frames(frames=said).SerializeToString()


_HELLO = Frame(hello=Hello(session="s", received=0))
_CALLS = [
    Frame(call=Call(id=number, driver_uuid=METER, method=method, arguments=arguments, stream=stream))
    for number, (method, arguments, stream) in enumerate(
        [("ping", b"{}", 0), ("watch", b'{"count": 9}', 0), ("raw", b"{}", 1), ("blob", b'{"data": ""}', 0)], 1
    )
]
_OTHERS = [
    Frame(call_cancel=CallCancel(id=1)),
    Frame(call_taken=CallTaken(id=2, bytes=9)),
    Frame(reopen=Reopen(id=3, stream=2)),
    Frame(leave=Leave()),
]
_CONVERSATION = [_payload(_HELLO), _payload(*_CALLS), *map(_payload, _OTHERS)]
_CARRIED = [
    Frame(call=Call(id=1, driver_uuid=METER, method="raw", arguments=b"{}", carried=True)),
    Frame(stream_envelope=StreamEnvelope(id=1, payload=b"bytes")),
    Frame(stream_envelope=StreamEnvelope(id=1, kind=EnvelopeKind.END)),
    Frame(reopen=Reopen(id=1, stream=1)),
]
_TOKEN = dict(_admitted(Role.CLIENT))["authorization"]

TARGETS = {
    "frames": Target(frames, [_payload(_HELLO, frame) for frame in itertools.chain(_CALLS, _OTHERS, _CARRIED)]),
    "host": Target(
        host,
        [
            joined(*_CONVERSATION),
            joined(*map(_payload, (_HELLO, *_CALLS))),
            joined(*map(_payload, (_HELLO, *_CARRIED))),
        ],
    ),
    "router": Target(
        router,
        [
            joined(b'{"iss": "i", "aud": "a", "sub": "s", "role": "client", "deadline": 1, "exp": 1}', b"1", b"bytes"),
            str(_TOKEN).encode(),
        ],
    ),
    "json": Target(
        json_bodies, [b'{"metadata": {"name": "b"}, "a": null}', b'[{"op": "add", "path": "/a/0", "value": 1}]']
    ),
    "selectors": Target(selectors, [b"a=b,c in (d,e),!f", b"a!=b,c notin (d),g>1"]),
    "files": Target(files, [yaml.safe_dump(whole).encode() for whole, _ in READ.values()]),
    "patterns": Target(patterns, [joined(b"=> |login: ", b"text login: "), joined(b"(a|b)+?$", b"abab")]),
}
