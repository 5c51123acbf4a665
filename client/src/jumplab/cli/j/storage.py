"""`j storage write FILE` and `j storage read FILE`: whole files or pipes, with their progress at a terminal."""

import asyncio
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import click

from jumplab.cli.exit_status import print_note
from jumplab.driver import AsyncDriverClient, Progress, on_progress
from jumplab.errors import JumplabError
from jumplab.protocol.sizes import parse_size

_PIPE = "-"


class SizeType(click.ParamType[int]):
    """A size, with its unit or in bytes."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return value if isinstance(value, int) else parse_size(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


_OFFSET = click.option(
    "--offset", "--offset-bytes", "offset_bytes", type=SizeType(), default=0, help="Offset on the storage, as 1MiB."
)


def storage_commands(client: Callable[[], AsyncDriverClient]) -> Mapping[str, click.Command]:
    """The commands of a storage.  client: gives its AsyncStorageClient, when a command runs."""

    @click.command()
    @click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
    @_OFFSET
    @click.option(
        "--size", "size_bytes", type=SizeType(), help="Size of the data, where FILE is a pipe; checked first."
    )
    @click.option("--verify", is_flag=True, help="Read it back and compare.")
    @click.option("--as-is", is_flag=True, help="Do not unpack.")
    async def write(file: str, offset_bytes: int, size_bytes: int | None, verify: bool, as_is: bool) -> None:
        """Write FILE onto the storage; -: standard input.

        gz, bz2, xz, zst, Android sparse and qcow2 data is unpacked on its way.
        """
        with _sentences(file), _progress(file, size_bytes) as shown, _input(file) as source:
            written = await _as_storage(client()).write(
                source,
                offset_bytes=offset_bytes,
                size_bytes=size_bytes,
                verify=verify,
                unpack=not as_is,
                progress=shown.count,
            )
        click.echo(_described(written))

    @click.command()
    @click.argument("file", type=click.Path(dir_okay=False, writable=True, allow_dash=True))
    @_OFFSET
    @click.option("--size", "--size-bytes", "size_bytes", type=SizeType(), help="How much to read; default: all.")
    async def read(file: str, offset_bytes: int, size_bytes: int | None) -> None:
        """Read the storage into FILE; -: standard output."""
        storage = _as_storage(client())
        with _sentences(file), _progress(file, size_bytes, reading=True) as shown, _output(file) as target:
            digest = await storage.read(target, offset_bytes=offset_bytes, size_bytes=size_bytes, progress=shown.count)
        click.echo(f"read {digest.size_bytes} bytes, sha256 {digest.sha256}", err=file == _PIPE)

    return {"write": write, "read": read}


def _as_storage(client: AsyncDriverClient) -> Any:
    from jumplab.drivers.storage import AsyncStorageClient

    if not isinstance(client, AsyncStorageClient):
        raise click.UsageError(f'the client class of "{client.path}" is not a storage client; use its own commands')
    return client


def _described(written: Any) -> str:
    verified = ", verified" if written.verified else ""
    if written.format in ("", "raw"):
        return f"wrote {written.size_bytes} bytes, sha256 {written.sha256}{verified}"
    origin = f"unpacked from {written.size_bytes} bytes ({written.format})"
    return f"wrote {written.written_bytes} bytes, sha256 {written.written_sha256}, {origin}{verified}"


@contextmanager
def _input(file: str) -> Iterator[str | BinaryIO]:
    if file != _PIPE:
        yield file
        return
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as source:
        yield source


@contextmanager
def _output(file: str) -> Iterator[str | BinaryIO]:
    if file != _PIPE:
        yield file
        return
    sys.stdout.flush()
    with open(sys.stdout.fileno(), "wb", buffering=0, closefd=False) as target:
        yield target


@contextmanager
def _sentences(file: str) -> Iterator[None]:
    """What this machine has against a file, as a sentence."""
    try:
        yield
    except (JumplabError, BrokenPipeError):
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise click.ClickException(reason if file in reason else f"{file}: {reason}") from error


@dataclass
class _Shown:
    """The progress that a command shows."""

    moved_bytes: int = 0
    written_bytes: int = 0
    show_moved: Callable[[int], None] | None = None

    def count(self, moved_bytes: int) -> None:
        self.moved_bytes = moved_bytes
        if self.show_moved is not None:
            self.show_moved(moved_bytes)


@contextmanager
def _progress(file: str, size_bytes: int | None, *, reading: bool = False) -> Iterator[_Shown]:
    """Shows bars at a terminal; says how far it was where a signal ends it."""
    shown = _Shown()
    try:
        with _bars(file, size_bytes, shown, reading=reading) if sys.stderr.isatty() else _counted(shown):
            yield shown
    except asyncio.CancelledError:
        moved = f"{shown.moved_bytes} bytes were {'read' if reading else 'sent'}"
        written = "" if reading else f", at least {shown.written_bytes} bytes were written"
        print_note(f"interrupted: {moved}{written}", "j")
        raise


@contextmanager
def _counted(shown: _Shown) -> Iterator[None]:
    def note(progress: Progress) -> None:
        if progress.text == "writing":
            shown.written_bytes = progress.done

    with on_progress(note):
        yield


@contextmanager
def _bars(file: str, size_bytes: int | None, shown: _Shown, *, reading: bool) -> Iterator[None]:
    """A bar for what is sent or read, and one for each thing that the exporter does with it."""
    from rich import progress as bars
    from rich.console import Console

    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.DownloadColumn(binary_units=True),
        bars.TransferSpeedColumn(),
        bars.TimeRemainingColumn(),
    )
    path = Path(file)
    known_bytes = size_bytes if size_bytes or reading or not path.is_file() else path.stat().st_size
    with bars.Progress(*columns, console=Console(stderr=True)) as drawn:
        tasks = {"": drawn.add_task(path.name, total=known_bytes)}
        shown.show_moved = lambda moved_bytes: drawn.update(tasks[""], completed=moved_bytes)

        def note(progress: Progress) -> None:
            if progress.text == "writing":
                shown.written_bytes = progress.done
            key = "" if reading else progress.text
            if key not in tasks:
                tasks[key] = drawn.add_task(progress.text, total=progress.total)
            drawn.update(tasks[key], total=progress.total, completed=None if reading else progress.done)

        with on_progress(note):
            yield
