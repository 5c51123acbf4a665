"""Where the control socket of an exporter is, and how a command finds the one of a configuration file."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jumplab_exporter.own_folder import own_folders

_SOCKET, _CONFIGURATION = "control.sock", "configuration"


@dataclass(frozen=True, slots=True)
class ControlPlace:
    """folder: the exporter's own, of mode 0700.  configuration: the file that it serves."""

    folder: Path
    configuration: Path

    @property
    def socket(self) -> Path:
        return self.folder / _SOCKET

    def announce(self) -> None:
        """Writes down which configuration's exporter this is. Raises OSError."""
        (self.folder / _CONFIGURATION).write_bytes(os.fsencode(os.path.realpath(self.configuration)))


def control_sockets(configuration: Path) -> Iterator[Path]:
    """The sockets of exporters that serve this file. One of a killed exporter, which nobody serves, may be among them.

    Root finds those of every user; another user finds its own.
    """
    wanted = os.fsencode(os.path.realpath(configuration))
    for folder in own_folders():
        try:
            if _is_trusted(folder) and (folder / _CONFIGURATION).read_bytes() == wanted:
                yield folder / _SOCKET
        except OSError:  # not of this user, or gone meanwhile
            continue


def _is_trusted(folder: Path) -> bool:
    """Whether it is this user's: others may make folders of such names, too."""
    status = folder.lstat()
    return stat.S_ISDIR(status.st_mode) and os.geteuid() in (0, status.st_uid)
