"""Keystrokes beside an upload in full flow: 64 bytes there and back while the same session's bulk stream is saturated.

python -m tools.bench_sessions.loaded ADDRESS AUTHORITY TOKEN     is the exporter's end
"""

import itertools
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

from jumplab import event_loop
from jumplab.driver import AsyncGenericClient, GenericClient, Portal
from jumplab.driver.plain import plain_twin_of
from jumplab.session.client import attach
from jumplab.session.host import DriverTree, SessionHost
from jumplab.transport.endpoint import Endpoint, Tls
from jumplab.transport.routed import RoutedLink
from jumplab_operator.router.tokens import Role
from tools.bench import work
from tools.bench.drivers import board
from tools.bench.processes import running
from tools.bench.timing import milliseconds, quantile
from tools.bench_sessions.alone import LoneRouter, lone_router
from tools.bench_sessions.slow_link import slow_link

SLOW_BYTES_PER_SECOND = 10 << 20
_BLOCK = bytes(256 << 10)
_ENDLESS = 1 << 50


def figures(folder: Path, echoes: int) -> dict[str, dict[str, float]]:
    """Idle and loaded p99 of `echoes` echoes each, and their ratio: on loopback, and over a link of 10 MiB a second."""
    found: dict[str, dict[str, float]] = {}
    for name, link_bytes_per_second in (("loopback", None), ("10_mib_s", SLOW_BYTES_PER_SECOND)):
        place = folder / name
        place.mkdir()
        with lone_router(place) as router, _hosted(place, router), ExitStack() as stack:
            port = router.port
            if link_bytes_per_second is not None:
                port = stack.enter_context(slow_link(place, port, link_bytes_per_second))
            found[name] = _measured(router, port, echoes)
    return found


def _measured(router: LoneRouter, port: int, echoes: int) -> dict[str, float]:
    with Portal() as portal, portal.entered(_attached(router, port)) as root:
        client = plain_twin_of(root, portal)
        work.echoes(client, echoes // 5)
        idle = milliseconds(quantile(work.echoes(client, echoes), 0.99))
        with _uploading(client):
            loaded = milliseconds(quantile(work.echoes(client, echoes), 0.99))
    return {"idle_p99_ms": idle, "loaded_p99_ms": loaded, "ratio": round(loaded / idle, 2)}


@contextmanager
def _hosted(folder: Path, router: LoneRouter) -> Iterator[None]:
    authority = folder / "ca.pem"
    authority.write_bytes(router.keys.authority.trusted_pem)
    where = [router.endpoint(router.port).address, str(authority), router.token("loaded", Role.EXPORTER)]
    command = [sys.executable, "-m", "tools.bench_sessions.loaded", *where]
    with running(command, folder / "exporter.log"):
        yield


@asynccontextmanager
async def _attached(router: LoneRouter, port: int) -> AsyncIterator[AsyncGenericClient]:
    link = RoutedLink(router.endpoint(port), router.token("loaded", Role.CLIENT))
    async with attach(link, client="bench") as session:
        yield session.root


@contextmanager
def _uploading(client: GenericClient) -> Iterator[None]:
    """Uploads as fast as it goes from another thread, and is in full flow when the context is entered."""
    flowing, enough = threading.Event(), threading.Event()

    def upload() -> None:
        with client.sink.open("swallow", size_bytes=_ENDLESS) as stream:
            for sent in itertools.count():
                if enough.is_set():
                    return
                stream.send(_BLOCK)
                if sent * len(_BLOCK) > 8 << 20:  # what buffers take at once is not the flow yet
                    flowing.set()

    thread = threading.Thread(target=upload, name="upload")
    thread.start()
    try:
        flowing.wait(60)
        yield
    finally:
        enough.set()
        thread.join()


async def _host(endpoint: Endpoint, token: str) -> None:
    link = RoutedLink(endpoint, token)
    async with DriverTree(board(), scope="bench") as tree, SessionHost(tree, exporter_name="bench") as host:
        await host.serve(link)


if __name__ == "__main__":
    address, authority, token = sys.argv[1:]
    event_loop.run(_host(Endpoint(address, Tls(ca_pem=Path(authority).read_bytes())), token))
