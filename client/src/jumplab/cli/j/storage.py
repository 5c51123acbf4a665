"""`j storage write FILE` and `j storage read FILE`: whole files, with their progress at a terminal."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from jumplab.driver import AsyncDriverClient


def storage_commands(client: Callable[[], AsyncDriverClient]) -> Mapping[str, click.Command]:
    """The commands of a storage.  client: gives its AsyncStorageClient, when a command runs."""

    @click.command()
    @click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
    @click.option("--offset-bytes", type=click.IntRange(min=0), default=0, help="Byte offset on the storage.")
    async def write(file: Path, offset_bytes: int) -> None:
        """Write FILE onto the storage."""
        with _progress(file) as progress:
            digest = await _as_storage(client()).write_file(file, offset_bytes, progress)
        click.echo(f"wrote {digest.size_bytes} bytes, sha256 {digest.sha256}")

    @click.command()
    @click.argument("file", type=click.Path(dir_okay=False, writable=True, path_type=Path))
    @click.option("--offset-bytes", type=click.IntRange(min=0), default=0, help="Byte offset on the storage.")
    @click.option("--size-bytes", type=click.IntRange(min=0), help="Number of bytes to read; default: up to the end.")
    async def read(file: Path, offset_bytes: int, size_bytes: int | None) -> None:
        """Read the storage into FILE."""
        digest = await _as_storage(client()).read_file(file, offset_bytes, size_bytes)
        click.echo(f"read {digest.size_bytes} bytes, sha256 {digest.sha256}")

    return {"write": write, "read": read}


def _as_storage(client: AsyncDriverClient) -> Any:
    from jumplab.drivers.storage import AsyncStorageClient

    if not isinstance(client, AsyncStorageClient):
        raise click.UsageError(f'the client class of "{client.path}" is not a storage client; use its own commands')
    return client


@contextmanager
def _progress(file: Path) -> Iterator[Callable[[int], None] | None]:
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(binary_units=True), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(file.name, total=file.stat().st_size)
        yield lambda sent_bytes: bar.update(task, completed=sent_bytes)
