"""The settings that all disks share."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from jumplab.protocol.sizes import parse_positive_size


class DiskFormat(StrEnum):
    """What a disk's file is. It is never found out from the file: its content belongs to whoever leases it."""

    RAW = "raw"
    QCOW2 = "qcow2"


def _in_bytes(value: Any) -> Any:
    return parse_positive_size(value) if isinstance(value, str) else value


def _in_mib(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    size_bytes = parse_positive_size(value)
    if size_bytes % (1 << 20):
        raise ValueError(f'"{value}" is not a whole number of MiB')
    return size_bytes >> 20


Size = Annotated[int, BeforeValidator(_in_bytes), Field(gt=0)]
"""In bytes; written with a unit, or as a number of bytes."""

SizeMib = Annotated[int, BeforeValidator(_in_mib), Field(gt=0)]
"""In MiB; written as a number of them, or as a size with its unit."""
