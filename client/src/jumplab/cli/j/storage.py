"""`j storage write` and `j storage read`: whole files, pipes and URLs, with their progress at a terminal."""

from collections.abc import Callable, Mapping
from typing import Any

import click

from jumplab.cli.j.local_files import PIPE, fetch_progress, opened_input, opened_output, progress, sentences
from jumplab.cli.j.own_clients import own_client
from jumplab.driver import AsyncDriverClient
from jumplab.protocol.sizes import parse_size


class SizeType(click.ParamType[int]):
    """A size, with its unit or in bytes."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return value if isinstance(value, int) else parse_size(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class ImageType(click.Path):
    """A file that is there, or a URL, which is told by its begin. A file of such a name is written as ./http:…"""

    name = "file or URL"

    def __init__(self) -> None:
        super().__init__(exists=True, dir_okay=False, allow_dash=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if is_url(value):
            return value
        if "://" in str(value):  # without the text: it may have a password
            self.fail("images are fetched by http:// and https:// alone", param, ctx)
        return super().convert(value, param, ctx)


def is_url(text: Any) -> bool:
    """Whether it is fetched by the exporter, in place of a file of this machine."""
    return str(text).lower().startswith(("http://", "https://"))


_OFFSET = click.option(
    "--offset", "--offset-bytes", "offset_bytes", type=SizeType(), default=0, help="Offset on the storage, as 1MiB."
)


def storage_commands(client: Callable[[], AsyncDriverClient]) -> Mapping[str, click.Command]:
    """The commands of a storage.  client: gives its AsyncStorageClient, when a command runs."""

    @click.command()
    @click.argument("file", type=ImageType(), metavar="FILE|URL")
    @_OFFSET
    @click.option(
        "--size", "size_bytes", type=SizeType(), help="Size of the data, where FILE is a pipe; checked first."
    )
    @click.option("--verify", is_flag=True, help="Read it back and compare.")
    @click.option("--as-is", is_flag=True, help="Do not unpack.")
    @click.option("--resume", is_flag=True, help="Go on with an interrupted write of FILE.")
    @click.option("--sha256", help="Checksum that the file or the content of the URL must have.")
    async def write(
        file: str,
        offset_bytes: int,
        size_bytes: int | None,
        verify: bool,
        as_is: bool,
        resume: bool,
        sha256: str | None,
    ) -> None:
        """Write FILE, or what the exporter fetches from URL, onto the storage; -: standard input.

        gz, bz2, xz, zst, Android sparse and qcow2 data is unpacked on its way.
        """
        of_both = {"offset_bytes": offset_bytes, "sha256": sha256, "unpack": not as_is, "verify": verify}
        if is_url(file):
            _refuse_for_url(size_bytes, resume)
            with fetch_progress():
                written = await _as_storage(client()).fetch(file, **of_both)
        else:
            with sentences(file), progress(file, size_bytes) as shown, opened_input(file) as source:
                written = await _as_storage(client()).write(
                    source, size_bytes=size_bytes, resume=resume, progress=shown.count, **of_both
                )
        click.echo(_described(written))

    @click.command()
    @click.argument("file", type=click.Path(dir_okay=False, writable=True, allow_dash=True))
    @_OFFSET
    @click.option("--size", "--size-bytes", "size_bytes", type=SizeType(), help="How much to read; default: all.")
    @click.option("--resume", is_flag=True, help="Read on after what FILE has; keep what a failed read has read.")
    async def read(file: str, offset_bytes: int, size_bytes: int | None, resume: bool) -> None:
        """Read the storage into FILE; -: standard output."""
        storage = _as_storage(client())
        with sentences(file), progress(file, size_bytes, reading=True) as shown, opened_output(file) as target:
            digest = await storage.read(
                target, offset_bytes=offset_bytes, size_bytes=size_bytes, resume=resume, progress=shown.count
            )
        click.echo(f"read {digest.size_bytes} bytes, sha256 {digest.sha256}", err=file == PIPE)

    return {"write": write, "read": read}


def _refuse_for_url(size_bytes: int | None, resume: bool) -> None:
    if size_bytes is not None:
        raise click.UsageError("--size is for a pipe; the server of a URL says its size")
    if resume:
        raise click.UsageError("--resume is for a file; the exporter itself goes on with a URL")


def _as_storage(client: AsyncDriverClient) -> Any:
    from jumplab.drivers.storage import AsyncStorageClient

    return own_client(client, AsyncStorageClient, "a storage")


def _described(written: Any) -> str:
    verified = ", verified" if written.verified else ""
    if written.format in ("", "raw"):
        return f"wrote {written.size_bytes} bytes, sha256 {written.sha256}{verified}"
    origin = f"unpacked from {written.size_bytes} bytes ({written.format})"
    return f"wrote {written.written_bytes} bytes, sha256 {written.written_sha256}, {origin}{verified}"
