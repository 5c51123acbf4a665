"""One router under many consoles: the way of each piece, of a keystroke beside them, and what a session costs.

    python -m tools.bench_sessions.consoles FILE     is the exporters' ends, in one process; FILE is `Plan.to_json`'s

Both ends are links, without drivers: the router is what is measured, and it knows no more of a session.
"""

import asyncio
import gc
import json
import struct
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import psutil

from jumplab import event_loop
from jumplab.private_files import write_private
from jumplab.transport.endpoint import Endpoint, Tls
from jumplab.transport.links import EnvelopeKind, EnvelopeStream
from jumplab.transport.routed import RoutedLink
from jumplab_operator.router.tokens import Role
from tools.bench.processes import running
from tools.bench.timing import milliseconds, quantile
from tools.bench_sessions.alone import LoneRouter, lone_router

_BYTES_PER_SECOND = 11_520  # 115200 baud, ten bits a byte
_PIECES_PER_SECOND = 20
_STAMP = struct.Struct(">Qd")  # number, and when it was to be said
_PIECE = bytes(_BYTES_PER_SECOND // _PIECES_PER_SECOND - _STAMP.size)
_KEYSTROKE_SECONDS = 0.05
_HEAD_START_SECONDS = 1.0
_SESSION, _CONSOLE = 0, 1
_OPENING_AT_ONCE = 20
_AT_ONCE = 4  # consoles that speak at one moment: a timer for each would be most of this process' work


@dataclass(frozen=True, slots=True)
class Plan:
    """What the exporters' ends do. tokens: one a session; the last one's console is idle and echoes keystrokes."""

    address: str
    ca_pem: str
    tokens: list[str]
    pieces: int

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        return cls(**json.loads(text))


def figures(folder: Path, sessions: int, seconds: int) -> dict[str, float]:
    """Consoles on so many sessions for so long, and an idle one on one more."""
    with lone_router(folder) as router:
        names = [f"console-{number}" for number in range(sessions + 1)]
        tokens = [router.token(name, Role.EXPORTER) for name in names]
        ca_pem = router.keys.authority.trusted_pem.decode()
        plan = Plan(router.endpoint(router.port).address, ca_pem, tokens, seconds * _PIECES_PER_SECOND)
        write_private(folder / "plan.json", plan.to_json().encode())
        command: list[str | Path] = [sys.executable, "-m", "tools.bench_sessions.consoles", folder / "plan.json"]
        with running(command, folder / "exporters.log"):
            return event_loop.run(_measured(router, names, plan.pieces))


async def _measured(router: LoneRouter, names: Sequence[str], pieces: int) -> dict[str, float]:
    endpoint = router.endpoint(router.port)
    *tokens, last = [router.token(name, Role.CLIENT) for name in names]
    async with _attached(endpoint, [last]) as first:
        before_kib = _resident_kib(router)  # what the first session costs, no later one does
        async with _attached(endpoint, tokens) as others:
            attached_kib = _resident_kib(router)
            found = await _streamed([*others, *first], pieces)
    return found | {"kib_per_session": round((attached_kib - before_kib) / len(tokens), 1)}


async def _streamed(links: Sequence[RoutedLink], pieces: int) -> dict[str, float]:
    """All consoles but the last stream so many pieces; the last one's keys are typed meanwhile."""
    _keep_all()
    *consoles, idle = [await link.open(_CONSOLE) for link in links]
    async with asyncio.TaskGroup() as tasks:
        typing = tasks.create_task(_type(idle, pieces), name="keystrokes")
        reading = [tasks.create_task(_read(console), name=f"console {n}") for n, console in enumerate(consoles)]
    heard = [seconds for task in reading for seconds in task.result()]
    return {
        "sessions": len(consoles),
        "pieces": len(heard),
        "lost": len(consoles) * pieces - len(heard),
        "added_p50_ms": milliseconds(quantile(heard, 0.5)),
        "added_p99_ms": milliseconds(quantile(heard, 0.99)),
        "keystroke_p50_ms": milliseconds(quantile(typing.result(), 0.5)),
        "keystroke_p99_ms": milliseconds(quantile(typing.result(), 0.99)),
    }


@asynccontextmanager
async def _attached(endpoint: Endpoint, tokens: Sequence[str]) -> AsyncIterator[list[RoutedLink]]:
    """A link for each token, its session stream joined: the first envelope of the other end has come."""
    links = [RoutedLink(_on_its_own(endpoint, number), token) for number, token in enumerate(tokens)]
    several = asyncio.Semaphore(_OPENING_AT_ONCE)

    async def join(link: RoutedLink) -> None:
        async with several:
            stream = await link.open(_SESSION)
            await stream.send(b"hello")
            await stream.receive()

    async with AsyncExitStack() as stack:
        for link in links:
            stack.push_async_callback(link.aclose)
        async with asyncio.TaskGroup() as tasks:
            for link in links:
                tasks.create_task(join(link), name="joining a session stream")
        yield links


def _on_its_own(endpoint: Endpoint, number: int) -> Endpoint:
    """The endpoint with roots that no other link has: those of one process with the same would share a connection."""
    return Endpoint(endpoint.address, Tls(ca_pem=(endpoint.tls.ca_pem or b"") + b"\n" * number))


async def _read(console: EnvelopeStream) -> list[float]:
    """How long each piece was on its way. Raises RuntimeError where one is missing or out of its place."""
    await console.send(b"go")
    times: list[float] = []
    while True:
        kind, payload = await console.receive()
        if kind is EnvelopeKind.END:
            return times
        number, said = _STAMP.unpack_from(payload)
        if number != len(times) or len(payload) != _STAMP.size + len(_PIECE):
            raise RuntimeError(f"piece {len(times)} of a console did not come; number {number} came instead")
        times.append(time.monotonic() - said)


async def _type(console: EnvelopeStream, pieces: int) -> list[float]:
    """The times there and back of keystrokes, for as long as the consoles stream."""
    times = []
    for _ in range(round(pieces / _PIECES_PER_SECOND / _KEYSTROKE_SECONDS)):
        await asyncio.sleep(_KEYSTROKE_SECONDS)
        begin = time.perf_counter()
        await console.send(b"x")
        await console.receive()
        times.append(time.perf_counter() - begin)
    await console.send(b"", EnvelopeKind.END)
    return times


async def _stream(consoles: Sequence[EnvelopeStream], pieces: int, part: float) -> None:
    """Says so many pieces on each of a few consoles, all at their time; `part` of a piece's time later than others."""
    for console in consoles:
        await console.receive()
    begin = time.monotonic() + _HEAD_START_SECONDS + part / _PIECES_PER_SECOND
    for number in range(pieces):
        due = begin + number / _PIECES_PER_SECOND
        await asyncio.sleep(due - time.monotonic())
        for console in consoles:
            await console.send(_STAMP.pack(number, due) + _PIECE)
    for console in consoles:
        await console.send(b"", EnvelopeKind.END)


async def _echo(console: EnvelopeStream) -> None:
    kind, payload = await console.receive()
    while kind is not EnvelopeKind.END:
        await console.send(payload)
        kind, payload = await console.receive()


async def _serve(plan: Plan) -> None:
    """The exporters' ends, until both ends of all consoles have ended, and then until this is ended."""
    endpoint = Endpoint(plan.address, Tls(ca_pem=plan.ca_pem.encode()))
    async with _attached(endpoint, plan.tokens[-1:]) as first, _attached(endpoint, plan.tokens[:-1]) as others:
        *consoles, idle = [await link.open(_CONSOLE) for link in (*others, *first)]
        _keep_all()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_echo(idle), name="echoing keystrokes")
            for start in range(0, len(consoles), _AT_ONCE):
                said = _stream(consoles[start : start + _AT_ONCE], plan.pieces, start / len(consoles))
                tasks.create_task(said, name=f"consoles from {start} on")
        await asyncio.Event().wait()  # the other end may still be reading


def _keep_all() -> None:
    """Looks for garbage in what comes from now on alone: a pause of a load maker would be counted as the router's."""
    gc.collect()
    gc.freeze()


def _resident_kib(router: LoneRouter) -> float:
    return psutil.Process(router.pid).memory_info().rss / 1024


if __name__ == "__main__":
    event_loop.run(_serve(Plan.from_json(Path(sys.argv[1]).read_text())))
