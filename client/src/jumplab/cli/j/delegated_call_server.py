"""The shell's side of delegated calls: plain calls that `j` has this process make, over sessions of this process."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import click

from jumplab.cli.exit_status import explain_error, one_line
from jumplab.cli.j.console_places import ConsolePlaces
from jumplab.cli.j.driver_commands import PlainCall, plain_call
from jumplab.cli.j.driver_tree import DriverTree
from jumplab.cli.j.seen_log_lines import SeenLogLines
from jumplab.cli.options import read_reconnect_seconds
from jumplab.client.driver_source import DriverSource
from jumplab.driver import Progress, on_progress
from jumplab.protocol.v1.session_pb2 import LogLine
from jumplab.session.client import Session
from jumplab.transport.first_completed import first_completed
from jumplab.transport.tokens import same_token

_ASKING_BOUND_SECONDS = 5.0
_REQUEST_BYTES = 16 << 20  # more than a command line can have
_UNREAD_BYTES = 1 << 20

_log = logging.getLogger(__name__)

Answer = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class DelegatedCall:
    """The request of a `j`. member: of a gang, the member whose drivers are meant.  patience: the
    JUMPLAB_RECONNECT_SECONDS of the `j`, where it is set; it replaces the shell's own."""

    token: str = field(repr=False)
    member: str
    words: list[str]
    patience: str | None

    @classmethod
    def read(cls, line: bytes) -> "DelegatedCall":
        """Raises ValueError."""
        try:
            asked = json.loads(line)
            token, member, words, patience = (asked[key] for key in ("token", "member", "words", "patience"))
            whole = isinstance(words, list) and all(isinstance(word, str) for word in (token, member, *words))
            if not whole or not isinstance(patience, str | None):
                raise ValueError("the words of a delegated call are text")
            return cls(token, member, words, patience)
        except (KeyError, TypeError, RecursionError) as error:
            raise ValueError(f"this is no delegated call: {error}") from error


@dataclass(frozen=True, slots=True)
class DelegatedCallServer:
    """Makes calls to the drivers of one shell.

    patience: how long a lost connection may stay away.  folder: the shell's own.  places: in the consoles.
    """

    source: DriverSource
    patience: timedelta
    folder: Path
    places: ConsolePlaces

    async def run(self, delegated: DelegatedCall, answer: Answer) -> None:
        """Carries one out: attaches, calls, and leaves, as `j` itself does."""
        try:
            await self._run(delegated, answer)
        except Exception as error:
            if (sentence := explain_error(error)) is None:
                raise
            answer({"said": one_line(sentence[0], "j"), "status": sentence[1]})

    async def _run(self, delegated: DelegatedCall, answer: Answer) -> None:
        def send_note(sentence: str) -> None:
            answer({"said": one_line(sentence, "j")})

        def send_progress(progress: Progress) -> None:
            answer({"progress": [progress.done, progress.total, progress.text]})

        patience = read_reconnect_seconds(delegated.patience) or self.patience
        tree = DriverTree.allowing((), unsafe=False)
        with SeenLogLines(self.folder, delegated.member) as lines:

            def send_log_line(session: Session, line: LogLine) -> None:
                if lines.is_new(session.epoch, line.number):
                    answer({"said": session.shown(line, with_severity=True)})

            async with self.source.attached(tree, "j", delegated.member, patience, send_note) as session:
                session.on_log = partial(send_log_line, session)
                call = _call_of(delegated, session, tree)
                if call is not None:
                    async with AsyncExitStack() as stack:
                        if call.console is not None:
                            await stack.enter_async_context(self.places.taking(delegated.member, call.console))
                        stack.enter_context(on_progress(send_progress))
                        spoken = await call.spoken
        if call is None:
            answer({"elsewhere": True})
        else:
            answer(({} if spoken.text is None else {"out": spoken.text}) | {"status": spoken.status})


def _call_of(delegated: DelegatedCall, session: Session, tree: DriverTree) -> PlainCall | None:
    """The call that is asked for; None where it isn't a plain one, or none at all."""
    try:
        return plain_call(session.root, tree, delegated.words)
    except click.ClickException:
        return None  # `j` says it better: it knows the terminal


@asynccontextmanager
async def serving_delegated_calls(
    socket_path: Path, token: str, run: Callable[[DelegatedCall, Answer], Awaitable[None]]
) -> AsyncIterator[None]:
    """Serves delegated calls at a socket while the context lasts; leaving it cancels those that run.

    socket_path: in a folder that is its owner's alone.  token: the one that each call must bring.
    """
    running: set[asyncio.Task[None]] = set()
    async with asyncio.TaskGroup() as tasks:

        def arrived(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = tasks.create_task(_serve(reader, writer, token, run), name="a delegated call of j")
            running.add(task)
            task.add_done_callback(running.discard)

        server = await asyncio.start_unix_server(arrived, socket_path, limit=_REQUEST_BYTES)
        try:
            yield
        finally:
            socket_path.unlink(missing_ok=True)  # noqa: ASYNC240 - a local socket
            # One that asyncio has accepted, but not handed over, would stay open (Python 3.11).
            await asyncio.sleep(0)
            server.close()
            for task in running:
                task.cancel()


async def _serve(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    token: str,
    run: Callable[[DelegatedCall, Answer], Awaitable[None]],
) -> None:
    answers = _Answers(writer)
    try:
        async with asyncio.timeout(_ASKING_BOUND_SECONDS):
            delegated = DelegatedCall.read(await reader.readline())
        if not same_token(token, delegated.token):
            raise ValueError("the token is not that of this shell")
        await first_completed({"call": _waited(run(delegated, answers.put)), "given up": reader.read(1)})
    except (OSError, ValueError, TimeoutError) as error:
        _log.debug("a delegated call ended: %s", error)
    except Exception:  # noqa: BLE001 - the root of a call's task: the others go on
        _log.exception("a delegated call failed")
        answers.put({"said": "j: the leased shell failed to carry this out; see its output", "status": 1})
    finally:
        writer.close()


async def _waited(work: Awaitable[None]) -> None:
    await work


class _Answers:
    """Lines to one `j`. One that does not read them loses log lines of drivers, and gets their number."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._lost = 0

    def put(self, answer: Mapping[str, Any]) -> None:
        last = "status" in answer or "elsewhere" in answer
        if not last and self._writer.transport.get_write_buffer_size() > _UNREAD_BYTES:
            self._lost += 1
            return
        if self._lost:
            self._write(
                {"said": f"[warning] {self._lost} log lines were dropped: they arrived faster than they were read"}
            )
            self._lost = 0
        self._write(answer)

    def _write(self, answer: Mapping[str, Any]) -> None:
        self._writer.write(json.dumps(answer).encode() + b"\n")
