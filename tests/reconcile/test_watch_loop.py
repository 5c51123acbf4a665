"""The loop of the watches leaves no connection open, however the API server behaves at the end."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from jumplab_operator.kube.kopf_watch import WatchLoop
from jumplab_operator.pki import issue_server_certificate, make_authority

ANSWER = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"


@pytest.fixture
def silent_server(tmp_path: Path) -> Iterator[tuple[str, ssl.SSLContext]]:
    """It begins to answer, and then neither sends nor closes anything. Its address, and a context that trusts it."""
    now = datetime.now(UTC)
    authority = make_authority(now)
    issued = issue_server_certificate(authority, ["localhost"], now)
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    certificate.write_bytes(issued.certificate_pem)
    key.write_bytes(issued.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with ExitStack() as stack, socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            secure = stack.enter_context(context.wrap_socket(connection, server_side=True))
            secure.recv(4096)
            secure.sendall(ANSWER)

        thread = threading.Thread(target=serve, name="silent server")
        thread.start()
        trusting = ssl.create_default_context(cadata=authority.certificate_pem.decode())
        yield f"https://localhost:{listener.getsockname()[1]}/", trusting
        thread.join()


def test_a_server_that_does_not_close_its_end_leaves_no_socket_open(silent_server: tuple[str, ssl.SSLContext]) -> None:
    address, context = silent_server

    async def watch() -> None:
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session,
            session.get(address) as answer,
        ):
            assert await answer.content.readany() == b"x"

    loop = WatchLoop()
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(watch())
            runner.run(loop.close_connections())
        gc.collect()
    assert [str(each.message) for each in found if each.category is ResourceWarning] == []
