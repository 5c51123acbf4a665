"""An API server that answers once, and then neither sends nor closes anything: TLS has no end from it."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from jumplab_operator.pki import issue_server_certificate, make_authority


@dataclass(frozen=True, slots=True)
class SilentServer:
    """Where it is, and the certificate of the authority that has signed its own.  has_answered: set then."""

    url: str
    ca_pem: str
    has_answered: threading.Event


@contextmanager
def silent_server(folder: Path, answer: bytes) -> Iterator[SilentServer]:
    """It takes one connection.  folder: for its certificate and key.  answer: to the first bytes that come."""
    now = datetime.now(UTC)
    authority = make_authority(now)
    issued = issue_server_certificate(authority, ["localhost"], now)
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(issued.certificate_pem)
    key.write_bytes(issued.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    has_answered = threading.Event()
    with ExitStack() as stack, socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            secure = stack.enter_context(context.wrap_socket(connection, server_side=True))
            secure.recv(4096)
            secure.sendall(answer)
            has_answered.set()

        thread = threading.Thread(target=serve, name="silent server")
        thread.start()
        url = f"https://localhost:{listener.getsockname()[1]}/"
        yield SilentServer(url, authority.certificate_pem.decode(), has_answered)
        thread.join()
