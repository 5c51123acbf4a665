"""Writes into files of the exporter's own folder for temporary files."""

import errno
import os
import tempfile


def write_all(descriptor: int, block: bytes | bytearray | memoryview) -> None:
    """Raises OSError, with a sentence where the disk is full."""
    rest = memoryview(block)
    try:
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise OSError(f"the exporter's disk is full ({tempfile.gettempdir()}); free some of it") from None
        raise
