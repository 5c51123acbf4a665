"""Whether the peer is on this machine, and whether its socket can be trusted and used."""

import asyncio
import os
import stat
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def machine_id() -> str:
    """Names this machine from its last start on (boot_id, random(4)); empty where the system has no name for it."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


async def is_usable(socket: Path) -> bool:
    """Whether a LocalListener of this user, or of root, answers at the socket now.

    In a folder that others may write to the socket could be anybody's, and a token is not for anybody.
    """
    try:
        folder = socket.parent.stat()
        if folder.st_uid not in (0, os.geteuid()) or stat.S_IMODE(folder.st_mode) & 0o077:
            return False
        _, writer = await asyncio.open_unix_connection(socket)
        writer.close()
        await writer.wait_closed()
    except OSError:
        return False
    return True
