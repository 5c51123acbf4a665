"""The image of one flash: without a name on the disk, so that nothing is left of it however the exporter ends."""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from jumplab.driver import ByteStream, progress
from jumplab.protocol.sizes import format_size
from jumplab_exporter.drivers.whole_writes import write_all

_ERASED = b"\xff" * 65536
"""Flash memory holds this where it is erased."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an image goes.  size_bytes: how much of it the target takes; None: the tool will know.

    offset_bytes: where in the file that the tool reads;  file_bytes: how large this file has to be; None: as the image.
    """

    size_bytes: int | None
    offset_bytes: int = 0
    file_bytes: int | None = None


class Image:
    """An image for the target `name`.  size_bytes, sha256: of what has arrived.  path: for the tool, which inherits
    `descriptor`."""

    def __init__(self, name: str, place: Place) -> None:
        self.size_bytes = 0
        self._sha256 = hashlib.sha256()
        self._name = name
        self._place = place
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - it is closed by __exit__

    @property
    def descriptor(self) -> int:
        return self._file.fileno()

    @property
    def path(self) -> str:
        return f"/dev/fd/{self.descriptor}"

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    async def receive(self, stream: ByteStream, size_bytes: int | None) -> None:
        """Takes what comes, until its end. Raises ValueError for what does not fit, OSError, DriverError."""
        self._refuse_larger(size_bytes or 0)
        os.lseek(self.descriptor, self._place.offset_bytes, os.SEEK_SET)
        while block := await stream.receive():
            self._refuse_larger(self.size_bytes + len(block))
            write_all(self.descriptor, block)
            self._sha256.update(block)
            self.size_bytes += len(block)
            progress(self.size_bytes, size_bytes, "receiving")
        if size_bytes is not None and self.size_bytes != size_bytes:
            raise ValueError(
                f"{self.size_bytes} bytes came, and {size_bytes} were announced: the file has changed; nothing was "
                "flashed"
            )
        if not self.size_bytes:
            raise ValueError(f'the image for "{self._name}" is empty; nothing was flashed')
        self._fill()

    def begin(self, size_bytes: int) -> bytes:
        """Its first bytes."""
        return os.pread(self.descriptor, size_bytes, self._place.offset_bytes)

    def round_up(self, block_bytes: int) -> None:
        """Makes the file whole blocks, by zeros at its end."""
        os.truncate(self.descriptor, -(-os.fstat(self.descriptor).st_size // block_bytes) * block_bytes)

    def _refuse_larger(self, size_bytes: int) -> None:
        most_bytes = self._place.size_bytes
        if most_bytes is not None and size_bytes > most_bytes:
            raise ValueError(
                f'"{self._name}" has {format_size(most_bytes)} ({most_bytes} bytes), and the image is larger: at least '
                f"{size_bytes} bytes; nothing was flashed"
            )

    def _fill(self) -> None:
        """Makes the file as large as the tool wants it; what follows the image in its target is erased."""
        if self._place.file_bytes is None or self._place.size_bytes is None:
            return
        rest_bytes = self._place.size_bytes - self.size_bytes
        while rest_bytes > 0:
            write_all(self.descriptor, _ERASED[:rest_bytes])
            rest_bytes -= len(_ERASED)
        os.truncate(self.descriptor, self._place.file_bytes)
