"""The first line at an exporter's or a shell's socket: whatever it is, it is turned away, and the socket goes on."""

import asyncio
import json
import struct
from pathlib import Path

import pytest

from jumplab.cli.j.delegated_call_server import Answer, DelegatedCall, serving_delegated_calls
from jumplab.transport.errors import TransportError
from jumplab.transport.links import EnvelopeKind
from jumplab.transport.listener import AcceptedLink, LocalListener, only
from jumplab.transport.local import LocalLink
from tests.doors.sent import check_log


def line(**fields: object) -> bytes:
    return json.dumps({"session": "s", "token": "token", "stream": 0, "bulk": False} | fields).encode() + b"\n"


LINES = {
    "nothing": b"\n",
    "noise": b"\xff\xfe\x00\n",
    "no object": b"[]\n",
    "nested": b"[" * 100_000 + b"\n",
    "a line without an end": b"x" * (5 << 20),
    "no number": line(stream="one"),
    "half a character in the token": line(token="\ud800"),
    "half a character in the session": line(session="\ud800"),
    "another token": line(token="other"),
    "a stream of a session that there isn't": line(stream=7),
}


async def answer(path: Path, first: bytes) -> bytes:
    """All that comes back."""
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        async with asyncio.timeout(240):
            writer.write(first)
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("first", LINES.values(), ids=LINES)
async def test_whatever_the_first_line_is_the_socket_goes_on(
    tmp_path: Path, first: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    served = asyncio.Event()

    async def serve(link: AcceptedLink) -> None:
        served.set()

    async with LocalListener(tmp_path / "lease", only("token"), serve) as listener:
        said = await answer(listener.path, first)
        if said:
            _, kind = struct.unpack(">IB", said[:5])
            assert EnvelopeKind(kind) in (EnvelopeKind.RESET, EnvelopeKind.END)
            assert len(said) > 5
        link = LocalLink(listener.path, "token")
        try:
            await link.open(0)
            async with asyncio.timeout(240):
                await served.wait()
        except TransportError as error:
            raise AssertionError("the socket is shut") from error
        finally:
            await link.aclose()
    check_log(caplog.text)


CALLS = {
    **LINES,
    "no token": b'{"member": "", "words": [], "patience": null}\n',
    "half a character": json.dumps({"token": "\ud800", "member": "", "words": [], "patience": None}).encode() + b"\n",
    "words that are none": json.dumps({"token": "token", "member": "", "words": [1], "patience": None}).encode()
    + b"\n",
    "patience that is none": json.dumps({"token": "token", "member": "", "words": [], "patience": []}).encode() + b"\n",
}


@pytest.mark.parametrize("first", CALLS.values(), ids=CALLS)
async def test_whatever_is_asked_at_the_socket_of_a_shell_nothing_runs(
    tmp_path: Path, first: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def run(_delegated: DelegatedCall, _answer: Answer) -> None:
        raise AssertionError("it ran")

    async with serving_delegated_calls(tmp_path / "shell.sock", "token", run):
        assert await answer(tmp_path / "shell.sock", first) == b""
    check_log(caplog.text)
