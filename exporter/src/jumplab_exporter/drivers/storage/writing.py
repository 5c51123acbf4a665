"""One write onto a disk, from the upload to what was read back: plain code, for a thread."""

import hashlib
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from jumplab.driver import Progress
from jumplab.driver.progressing import OnProgress
from jumplab.drivers.storage import Digest
from jumplab.drivers.storage.comparing import Pieces, describe_difference
from jumplab.drivers.storage.packing import COMPRESSIONS
from jumplab.protocol.sizes import format_size
from jumplab_exporter.drivers.storage.medium import Medium
from jumplab_exporter.drivers.storage.qcow2 import Header, program
from jumplab_exporter.drivers.storage.unpacking import Blocks, Image, unpacked
from jumplab_exporter.drivers.storage.upload import Upload

_BLOCK_BYTES = 1 << 20
_FLUSHED_BYTES = 8 << 20
_SPARE_BYTES = 64 << 20

Convert = Callable[[int, int, int], None]
"""Writes the content of an open qcow2 file into an open file, which becomes so large, and waits for that."""


def require_sha256(text: str | None) -> None:
    """Refuses what is no SHA-256. Raises ValueError."""
    if text is not None and not re.fullmatch("[0-9a-fA-F]{64}", text):
        raise ValueError("sha256 is no SHA-256: that has 64 hexadecimal digits, as sha256sum prints them")


@dataclass(frozen=True, slots=True)
class Order:
    """What a client wants written. The fields are the arguments of StorageInterface.write and fetch.

    is_fetched: whether the image is fetched; then size_bytes is what its server says.
    """

    offset_bytes: int
    size_bytes: int | None
    unpacked_bytes: int | None
    unpack: bool
    verify: bool
    sha256: str | None = None
    is_fetched: bool = False

    def refuse_what_does_not_fit(self, disk_bytes: int) -> None:
        """Refuses what is known not to fit, before anything is done. Raises ValueError."""
        if not 0 <= self.offset_bytes <= disk_bytes:
            raise ValueError(f"offset_bytes is {self.offset_bytes}; the disk has {disk_bytes} bytes")
        if self.size_bytes is not None and not self.unpack:
            self.refuse_size(self.size_bytes, disk_bytes)

    def refuse_size(self, size_bytes: int, disk_bytes: int) -> None:
        """Refuses an image of this size. Raises ValueError."""
        if self.offset_bytes + size_bytes > disk_bytes:
            where = f" from offset {self.offset_bytes} on" if self.offset_bytes else ""
            raise ValueError(f"the disk has {disk_bytes} bytes; {size_bytes} bytes{where} do not fit")


@dataclass(slots=True)
class Write:
    """Writes one upload. `run` is for one thread.

    is_device: whether what was written is to be on the medium in the end. It is slow, so it is flushed often meanwhile.
    refuse_while_in_use: raises ValueError where the device uses the disk.  on_progress: hears how far it is.
    medium, order and on_progress may be replaced while the upload is parked.
    """

    medium: Medium
    upload: Upload
    order: Order
    is_device: bool
    refuse_while_in_use: Callable[[], None]
    written_bytes: int = 0
    on_progress: OnProgress | None = None
    _is_raw: bool = True
    _sha256: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    _pieces: Pieces = field(default_factory=Pieces)

    def run(self, convert: Convert) -> Digest:
        """Raises ValueError, OSError; each says how much was written. Raises Abandoned once its upload is."""
        try:
            image = self._image(convert)
            self._write(image)
            self._require_all_came()
            self._require_checksum()
            if self.is_device or self.order.verify:
                self._tell(self.written_bytes, self.written_bytes, "flushing")
                self.medium.flush()
                self.medium.forget()
            if self.order.verify:
                self._verify()
        except ValueError as error:
            raise ValueError(f"{error}; {self.describe_written()}") from error
        except ConnectionError as error:
            raise ConnectionError(f"{error}; {self.describe_written()}") from error
        except OSError as error:
            problem = f"the disk can't be written: {error.strerror}" if error.strerror else str(error)
            raise OSError(f"{problem}; {self.describe_written()}") from error
        return Digest(
            size_bytes=self.upload.size_bytes,
            sha256=self.upload.sha256.hexdigest(),
            format=image.format,
            written_bytes=self.written_bytes,
            written_sha256=self._written_sha256().hexdigest(),
            verified=self.order.verify,
        )

    def describe_written(self) -> str:
        """How much of the disk was overwritten, as the end of a sentence."""
        if not self.written_bytes:
            return "nothing was written"
        return f"{self.written_bytes} bytes were written from offset {self.order.offset_bytes} on"

    def _image(self, convert: Convert) -> Image:
        blocks = self.upload.blocks()
        if self.order.unpack:
            image = unpacked(blocks, partial(self._content_of_qcow2, convert))
        else:
            image = Image("raw", None, blocks)
        size_bytes = image.size_bytes
        if image.format == "raw":
            size_bytes = self.order.size_bytes
        elif image.format in COMPRESSIONS:
            size_bytes = self.order.unpacked_bytes
        self.order.refuse_size(size_bytes or 0, self.medium.size_bytes)
        return Image(image.format, size_bytes, image.blocks)

    def _write(self, image: Image) -> None:
        self._is_raw, unflushed_bytes = image.format == "raw", 0
        for block in image.blocks:
            self.upload.require_wanted()
            self.refuse_while_in_use()
            self._require_no_more()
            self.order.refuse_size(self.written_bytes + len(block), self.medium.size_bytes)
            self._write_block(memoryview(block))
            if not self._is_raw:
                self._sha256.update(block)
            if self.order.verify:
                self._pieces.update(block)
            unflushed_bytes += len(block)
            if self.is_device and unflushed_bytes >= _FLUSHED_BYTES:
                self.medium.flush()
                unflushed_bytes = 0
            self._report(image.size_bytes)

    def _report(self, size_bytes: int | None) -> None:
        if self.order.is_fetched:  # its client sees nothing of what comes
            self._tell(self.upload.size_bytes, self.order.size_bytes, "fetching")
        else:
            self._tell(self.written_bytes, size_bytes and max(size_bytes, self.written_bytes), "writing")

    def _tell(self, done: int, total: int | None, text: str) -> None:
        if self.on_progress is not None:
            self.on_progress(Progress(done, total, text))

    def _write_block(self, rest: memoryview) -> None:
        while rest:
            written = self.medium.write(rest, self.order.offset_bytes + self.written_bytes)
            self.written_bytes += written
            rest = rest[written:]

    def _written_sha256(self) -> "hashlib._Hash":
        """Raw data is hashed once: as it came, so it was written."""
        return self.upload.sha256 if self._is_raw else self._sha256

    def require_begin(self, medium: Medium) -> None:
        """For a parked upload: what was written is what a medium holds now. Raises ValueError, OSError."""
        if self.written_bytes and self._read_back(medium)[0] != self._written_sha256().hexdigest():
            raise ValueError(
                "the disk does not hold any more what the interrupted write had written; write the image from its "
                "beginning, without resume"
            )

    def _require_no_more(self) -> None:
        announced = self.order.size_bytes
        if announced is not None and self.upload.size_bytes > announced:
            raise ValueError(f"more than the {announced} bytes came that were announced; the file grew meanwhile")

    def _require_all_came(self) -> None:
        came, announced = self.upload.size_bytes, self.order.size_bytes
        if announced is not None and came != announced:
            raise ValueError(f"{came} bytes came, and {announced} were announced; the file changed while it was sent")

    def _require_checksum(self) -> None:
        came, expected = self.upload.sha256.hexdigest(), self.order.sha256
        if expected is not None and came != expected.lower():
            raise OSError(f"the image has the SHA-256 {came}, and not {expected.lower()}: what was written is not it")

    def _verify(self) -> None:
        sha256, found = self._read_back(self.medium)
        if self._pieces.size_bytes == self.written_bytes:
            difference = describe_difference(self._pieces, found, self.order.offset_bytes)
        else:  # its begin was written without being asked to verify it
            is_same = sha256 == self._written_sha256().hexdigest()
            difference = "" if is_same else "its SHA-256 is another one"
        if difference:
            raise OSError(f"the disk does not hold what was written: {difference}")

    def _read_back(self, medium: Medium) -> tuple[str, Pieces]:
        """The SHA-256 and the pieces of what a medium holds where this was written."""
        sha256, found = hashlib.sha256(), Pieces()
        position, end = self.order.offset_bytes, self.order.offset_bytes + self.written_bytes
        while position < end:
            data = medium.read(position, min(_BLOCK_BYTES, end - position))
            sha256.update(data)
            found.update(data)
            self.upload.require_wanted()
            position += len(data)
            self._tell(position - self.order.offset_bytes, self.written_bytes, "verifying")
        return sha256.hexdigest(), found

    def _content_of_qcow2(self, convert: Convert, first: bytes, blocks: Blocks) -> tuple[int, Blocks]:
        """The virtual size of an image, and its content: converted before the first block of it is written."""
        header = Header.read(first)
        header.require_complete()
        program("qemu-img")
        self.order.refuse_size(header.size_bytes, self.medium.size_bytes)
        return header.size_bytes, self._converted(convert, header.size_bytes, blocks)

    def _converted(self, convert: Convert, size_bytes: int, blocks: Blocks) -> Iterator[bytes]:
        most_bytes = 2 * self.medium.size_bytes + _SPARE_BYTES
        with tempfile.TemporaryFile() as image, tempfile.TemporaryFile() as content:
            for block in blocks:
                if image.tell() + len(block) > most_bytes:
                    raise ValueError(
                        f"the qcow2 image is larger than {format_size(most_bytes)}, far more than the disk"
                    )
                try:
                    image.write(block)
                    image.flush()
                except OSError as error:
                    raise OSError(f"{tempfile.gettempdir()} can't take the qcow2 image: {error.strerror}") from error
                self._tell(image.tell(), self.order.size_bytes, "receiving")
            convert(image.fileno(), content.fileno(), size_bytes)
            yield from iter(lambda: content.read(_BLOCK_BYTES), b"")
