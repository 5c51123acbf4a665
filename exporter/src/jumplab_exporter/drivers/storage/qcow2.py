"""qcow2 images: what their header says, and QEMU's programs for the rest, in children that are bounded.

The header follows QEMU's docs/interop/qcow2.txt.
"""

import os
import shutil
import struct
from dataclasses import dataclass
from pathlib import Path

from jumplab.drivers.storage.packing import QCOW2_MAGIC
from jumplab_exporter.processes.child import Child

_HEADER = struct.Struct(">4sIQIIQI")
_VERSION_3 = struct.Struct(">Q")
_VERSION_3_AT = 72
_EXTERNAL_DATA = 1 << 2
_MEMORY_BYTES = 2 << 30


@dataclass(frozen=True, slots=True)
class Header:
    """What matters of a header.  size_bytes: the virtual size."""

    size_bytes: int
    has_backing_file: bool
    has_data_file: bool
    is_encrypted: bool

    @classmethod
    def read(cls, first: bytes) -> "Header":
        """The header in an image's first bytes, 80 at least. Raises ValueError where it is none."""
        if not first.startswith(QCOW2_MAGIC) or len(first) < _VERSION_3_AT + _VERSION_3.size:
            raise ValueError("it is not a qcow2 image")
        _, version, backing_at, _, _, size_bytes, encryption = _HEADER.unpack_from(first)
        if version not in (2, 3):
            raise ValueError(f"it is a qcow2 image of version {version}, which is not known here")
        (incompatible,) = _VERSION_3.unpack_from(first, _VERSION_3_AT) if version == 3 else (0,)
        return cls(size_bytes, backing_at != 0, bool(incompatible & _EXTERNAL_DATA), encryption != 0)

    def require_complete(self) -> None:
        """Refuses what another file belongs to: a sender could name any file of this host. Raises ValueError."""
        for wrong, what in (
            (self.has_backing_file, "names a backing file"),
            (self.has_data_file, "names a data file"),
            (self.is_encrypted, "is encrypted"),
        ):
            if wrong:
                raise ValueError(
                    f"the qcow2 image {what}; make a complete image with: qemu-img convert -O qcow2 IMAGE COMPLETE"
                )


def header_of(path: Path) -> Header:
    """The header of an administrator's file. Raises OSError, ValueError."""
    with path.open("rb") as file:
        return Header.read(file.read(_HEADER.size + _VERSION_3_AT))


def program(name: str) -> str:
    """The path of one of QEMU's programs for images. Raises FileNotFoundError, which says what to install."""
    found = shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"{name} is not installed; on Debian: apt install qemu-utils")
    return found


def absolute(path: Path) -> str:
    """As QEMU's programs take it for a path: a name with a colon may mean a protocol to them."""
    return str(path.absolute())


async def create(path: Path, size_bytes: int) -> None:
    """Makes an empty image, which is its owner's alone. Raises OSError."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    await _run([program("qemu-img"), "create", "-q", "-f", "qcow2", absolute(path), str(size_bytes)], ())


async def convert(image: int, content: int, size_bytes: int) -> None:
    """Writes the content of an open image into an open file, which becomes `size_bytes` large. Raises ValueError."""
    os.truncate(content, size_bytes)
    convert_image = (program("qemu-img"), "convert", "-n", "--target-is-zero", "-f", "qcow2", "-O", "raw")
    bounds = ("prlimit", f"--as={_MEMORY_BYTES}", f"--fsize={size_bytes}", "--core=0", "--")
    files = (f"/proc/self/fd/{image}", f"/proc/self/fd/{content}")
    try:
        await _run([*bounds, *convert_image, *files], (image, content))
    except OSError as error:
        problem = str(error).replace(files[0], "the image").replace(files[1], "its content")
        raise ValueError(f"the qcow2 image can't be converted: {problem}") from error


async def _run(command: list[str], inherited_descriptors: tuple[int, ...]) -> None:
    async with await Child.start(command, inherited_descriptors=inherited_descriptors) as child:
        output = (await child.output.read()).decode(errors="replace")
        if code := await child.wait():
            raise OSError(" ".join(output.split()) or f"{command[0]} ended with exit status {code}")
