"""A router alone in its process, the exporters' ends in another, and tokens for both.

python -m tools.bench_sessions.alone FOLDER     is the router; FOLDER holds its keys
"""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from jumplab import event_loop
from jumplab.private_files import write_private
from jumplab.protocol.grpc_loading import aio
from jumplab.transport.endpoint import Endpoint, Tls
from jumplab_operator.controller.keys import Keys, server_certificate
from jumplab_operator.controller.server import SERVER_OPTIONS, listen
from jumplab_operator.gc_tuning import collect_garbage
from jumplab_operator.router.relay import Router
from jumplab_operator.router.tokens import Role, StreamClaims, mint
from tools.bench.processes import running

_READY = "serving at port "
_LASTING = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class LoneRouter:
    """A router that runs. port: of this machine."""

    pid: int
    port: int
    keys: Keys

    def endpoint(self, port: int) -> Endpoint:
        """Where it is, by a port of this machine that leads to it."""
        return Endpoint(f"127.0.0.1:{port}", Tls(ca_pem=self.keys.authority.trusted_pem))

    def token(self, session: str, role: Role) -> str:
        """Opens one end of a session, which is its lease as well."""
        until = datetime.now(UTC) + _LASTING
        claims = StreamClaims(session, role, session, f"default/{session}", "bench", session, until, until)
        return mint(claims, self.keys.signing)


@contextmanager
def lone_router(folder: Path) -> Iterator[LoneRouter]:
    """Runs one while the context lasts."""
    keys = Keys.make(datetime.now(UTC))
    for name, content in keys.files().items():
        write_private(folder / name, content)
    command: list[str | Path] = [sys.executable, "-m", "tools.bench_sessions.alone", folder]
    with running(command, folder / "router.log", until=_READY) as process:
        port = process.output().rpartition(_READY)[2].split()[0]
        yield LoneRouter(process.pid, int(port), keys)


async def _serve(keys: Keys) -> None:
    server = aio.server(options=SERVER_OPTIONS)
    Router(keys.signing.public_key()).add_to(server)
    certificate = server_certificate(keys.authority.signer, ["127.0.0.1"], datetime.now(UTC))
    port = listen(server, "127.0.0.1:0", certificate)
    await server.start()
    print(f"{_READY}{port} ", flush=True)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(collect_garbage(), name="collecting garbage")  # as in the operator's process
        await server.wait_for_termination()


if __name__ == "__main__":
    files = [file for file in Path(sys.argv[1]).iterdir() if file.is_file()]
    event_loop.run(_serve(Keys.from_files({file.name: file.read_bytes() for file in files})))
