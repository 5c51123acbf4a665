"""The settings that all disks share."""

from enum import StrEnum


class DiskFormat(StrEnum):
    """What a disk's file is. It is never found out from the file: its content belongs to whoever leases it."""

    RAW = "raw"
    QCOW2 = "qcow2"
