"""`j shell run COMMAND`, `j shell upload FILE PATH` and `j shell download PATH FILE`."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO

import click

from jumplab.cli.console_log import write_all
from jumplab.cli.j.own_clients import own_client
from jumplab.cli.j.spoken import Spoken
from jumplab.cli.options import DurationType
from jumplab.driver import AsyncDriverClient
from jumplab.errors import JumplabError

_PIPE = "-"
_FILE = click.Path(dir_okay=False, allow_dash=True)


def shell_commands(client: Callable[[], AsyncDriverClient]) -> Mapping[str, click.Command]:
    """The commands of a shell.  client: gives its AsyncShellClient, when a command runs."""

    @click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
    @click.option("--timeout", type=DurationType(), help="End the command after this time; default: never.")
    @click.option("--stdin", type=_FILE, help="File for its standard input, -: that of j; default: none.")
    @click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
    async def run(command: tuple[str, ...], timeout: timedelta | None, stdin: str | None) -> Spoken:
        """Run COMMAND with its outputs on those of j; exit with its status."""
        with _sentences(stdin or ""), _input(stdin) as given:
            ended = await _as_shell(client()).run(list(command), stdin=given, timeout=timeout, on_output=_show)
        return Spoken(status=ended.status)

    @click.command()
    @click.argument("file", type=_FILE)
    @click.argument("path")
    @click.option("--executable", is_flag=True, help="Make it a program.")
    async def upload(file: str, path: str, *, executable: bool) -> Spoken:
        """Write FILE of this machine into the file at PATH; -: standard input."""
        with _sentences(file), _input(file) as given:
            moved = await _as_shell(client()).upload(given, path, executable=executable)
        return Spoken(f"uploaded {moved.size_bytes} bytes, sha256 {moved.sha256}")

    @click.command()
    @click.argument("path")
    @click.argument("file", type=_FILE)
    async def download(path: str, file: str) -> Spoken:
        """Read the file at PATH into FILE of this machine; -: standard output."""
        with _sentences(file), _output(file) as taken:
            moved = await _as_shell(client()).download(path, taken)
        return Spoken(None if file == _PIPE else f"downloaded {moved.size_bytes} bytes, sha256 {moved.sha256}")

    return {"run": run, "upload": upload, "download": download}


def _as_shell(client: AsyncDriverClient) -> Any:
    from jumplab.drivers.shell import AsyncShellClient

    return own_client(client, AsyncShellClient, "a shell")


def _show(output: str, data: bytes) -> None:
    write_all((sys.stdout if output == "stdout" else sys.stderr).fileno(), "", data)


@contextmanager
def _input(file: str | None) -> Iterator[bytes | Path | BinaryIO]:
    if file != _PIPE:
        yield b"" if file is None else Path(file)
        return
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as given:
        yield given


@contextmanager
def _output(file: str) -> Iterator[str | BinaryIO]:
    if file != _PIPE:
        yield file
        return
    sys.stdout.flush()
    with open(sys.stdout.fileno(), "wb", buffering=0, closefd=False) as taken:
        yield taken


@contextmanager
def _sentences(file: str) -> Iterator[None]:
    """What this machine has against a file, as a sentence."""
    try:
        yield
    except (JumplabError, BrokenPipeError):
        raise
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror or error}") from error
