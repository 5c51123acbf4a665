"""Requests that an HTTP server refuses, as bytes, with the status that they get."""

from __future__ import annotations

import random
from collections.abc import Iterator

MAPS = "/api/v1/namespaces/default/configmaps"
LIST = f"GET {MAPS}"
DIGITS = "9" * 5000


def request(line: str, token: str, *headers: bytes, body: bytes = b"", version: str = "HTTP/1.1") -> bytes:
    """A request of the administrator, whose connection ends with it."""
    usual = [b"Host: lab", b"Connection: close", f"Authorization: Bearer {token}".encode()]
    return b"\r\n".join([f"{line} {version}".encode(), *usual, *headers, b"", body])


def chunked(token: str, rest: bytes) -> bytes:
    """A POST in chunks, which are as told."""
    return request(f"POST {MAPS}", token, JSON, b"Transfer-Encoding: chunked", body=rest)


def sized(token: str, size: str, body: bytes = b"{}", *headers: bytes) -> bytes:
    """A POST of a body that has another size than it says, perhaps."""
    return request(f"POST {MAPS}", token, *(headers or (JSON,)), f"Content-Length: {size}".encode(), body=body)


JSON = b"Content-Type: application/json"
BARE = {
    "zeros": b"\0\0\0\0\r\n\r\n",
    "a method alone": b"GET\r\n\r\n",
    "an unknown version": b"GET / HTTP/9.9\r\n\r\n",
    "an unknown method": b"BREW /api HTTP/1.1\r\n\r\n",
    "no colon": b"GET / HTTP/1.1\r\nwords\r\n\r\n",
    "no header's name": b"GET / HTTP/1.1\r\n: x\r\n\r\n",
    "a NUL in a name": b"GET / HTTP/1.1\r\nA\0B: x\r\n\r\n",
    "a NUL in a value": b"GET / HTTP/1.1\r\nA: \0\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "a long path": b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
    "a long header": b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X%d: a\r\n" % number for number in range(5000)),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a target without a slash": b"GET ? HTTP/1.1\r\nHost: x\r\n\r\n",
    "half an address": b"GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a port that is none": b"GET http://x:y/api HTTP/1.1\r\nHost: x\r\n\r\n",
    "a control character": b"GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n",
}
"""Of no user: each is refused with 400."""


def known(token: str) -> Iterator[tuple[str, bytes, int]]:
    """Requests of a user: what is wrong, the bytes, and the status."""
    queries = {
        "limit=-1": 400, "limit=%D9%A3": 400, f"limit={DIGITS}": 400, "continue=%ff": 400, "continue=W10=": 400,
        "watch=1&resourceVersion=%C2%B2": 400, f"watch=1&timeoutSeconds={DIGITS}": 400,
        "watch=1&timeoutSeconds=1e9": 400, "resourceVersion=x&resourceVersionMatch=Exact": 400,
        "%ff=%fe&labelSelector=%ff": 400, f"labelSelector=a%3E{DIGITS}": 400, "labelSelector=a%3E%C2%B2": 400,
        "labelSelector=%00": 400, "fieldSelector=%00%3D%00": 400, "fieldSelector=metadata.name%3D%00": 200,
    }  # fmt: skip
    for query, status in queries.items():
        yield query[:60], request(f"{LIST}?{query}", token), status
    paths = {"/%ff%fe": 404, "/api/v1/namespaces/%ff/pods": 404, f"{MAPS}/%00": 404, f"{MAPS}/%ED%A0%80": 404}
    for path, status in {**paths, "/apis/%2e%2e/v1": 404, "/openapi/v3/%ff": 404, f"{MAPS}/x/%ff/y": 404}.items():
        yield path, request(f"GET {path}", token), status
    headers = {
        b"Accept: ;;;,,,=": 406, b"Accept: \xff;as=Table": 400, b"Cookie: \xff=": 400, b"X: \xff": 400,
        b"Content-Encoding: \xff": 400, b"Content-Encoding: gzip": 415, b"Expect: nonsense": 417,
    }  # fmt: skip
    for header, status in headers.items():
        yield repr(header), request(LIST, token, header), status
    upgrades = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13"
    yield "an upgrade", request(f"GET {MAPS}/x/exec", token, upgrades, body=b"\x81\xff\0"), 404
    for method in ("TRACE", "OPTIONS", "CONNECT", "PROPFIND"):
        yield method, request(f"{method} {MAPS}", token), 404 if method == "CONNECT" else 405
    yield from _bodies(token)


def _bodies(token: str) -> Iterator[tuple[str, bytes, int]]:
    yield "a negative size", sized(token, "-1"), 400
    yield "a size in words", sized(token, "two"), 400
    yield "a huge size", sized(token, DIGITS), 400
    yield "a size and chunks", sized(token, "2", b"0\r\n\r\n", JSON, b"Transfer-Encoding: chunked"), 400
    yield "an unknown encoding", sized(token, "2", b"{}", b"Transfer-Encoding: nonsense"), 400
    yield "a charset that is none", sized(token, "2", b"{}", JSON + b"; charset=\xff"), 400
    yield "a type that is none", sized(token, "2", b"{}", b"Content-Type: ;;;="), 415
    yield (
        "protobuf",
        sized(token, "8", b"k8s\0\xff\xff\xff\xff", b"Content-Type: application/vnd.kubernetes.protobuf"),
        415,
    )
    yield "no UTF-8", sized(token, "3", b"\xff\xfe\xfd"), 400
    yield "half a character", sized(token, "8", b'"\\ud800"'), 400
    yield "nested", sized(token, "100000", b"[" * 100_000), 400
    for what, rest in CHUNKS.items():
        yield what, chunked(token, rest), 400


CHUNKS = {
    "a size of letters": b"zz\r\n{}\r\n0\r\n\r\n",
    "a negative chunk": b"-1\r\n{}\r\n0\r\n\r\n",
    "a huge chunk": b"f" * 17 + b"\r\n{}\r\n0\r\n\r\n",
    "no end of a chunk": b"2\r\n{}XX0\r\n\r\n",
    "a bad trailer": b"2\r\n{}\r\n0\r\nwords\r\n\r\n",
}


def changed(whole: bytes, count: int, seed: int) -> Iterator[bytes]:
    """A message with some of its bytes changed, again and again."""
    draws = random.Random(seed)
    for _ in range(count):
        message = bytearray(whole)
        for _ in range(draws.randint(1, 4)):
            message[draws.randrange(len(message))] = draws.randrange(256)
        yield bytes(message)
