"""An initramfs with busybox, whose console asks for a user and a password.

The format is cpio's "newc" (Documentation/driver-api/early-userspace/buffer-format.rst of the kernel).
"""

from __future__ import annotations

# `openssl passwd -6 -salt jumplab lab`
_PASSWORD = "$6$jumplab$f19hT9nD4zi8T.00V4wS0jHvL3r0bU9mR3unpYeV3noxbrjOrEv36Ux0MxFPFEXsW7lj2edjtPB30wb/Jzalu."
_INIT = """#!/bin/sh
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
hostname board
exec /bin/init
"""
_FOLDER, _PROGRAM, _FILE, _LINK, _DEVICE = 0o040755, 0o100755, 0o100644, 0o120777, 0o020600
_CONSOLE = (5, 1)


def initramfs(busybox: bytes) -> bytes:
    """busybox: the static program."""
    entries = [
        *((name, _FOLDER, b"") for name in ("bin", "dev", "etc", "proc", "root", "sys", "tmp")),
        ("dev/console", _DEVICE, b""),
        ("bin/busybox", _PROGRAM, busybox),
        *((f"bin/{name}", _LINK, b"busybox") for name in ("sh", "mount", "hostname", "init")),
        ("init", _PROGRAM, _INIT.encode()),
        ("etc/inittab", _FILE, b"::respawn:/bin/getty -L 115200 ttyAMA0 vt100\n"),
        ("etc/passwd", _FILE, f"root:{_PASSWORD}:0:0:root:/root:/bin/sh\n".encode()),
        ("etc/group", _FILE, b"root:x:0:\n"),
        ("TRAILER!!!", 0, b""),
    ]
    archive = bytearray()
    for number, (name, mode, data) in enumerate(entries, start=1):
        major, minor = _CONSOLE if mode == _DEVICE else (0, 0)
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, major, minor, len(name) + 1, 0)
        archive += b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        archive += bytes(-len(archive) % 4) + data
        archive += bytes(-len(archive) % 4)
    return bytes(archive)
