"""What makes a folder a data directory: the file `jumplab-data`, and which files were made in it.

A file that was made once and can't be made again is listed there. If it is missing later, the start is refused: a new
one in its place would be another lab, or one that no exporter and no client trusts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from jumplab.private_files import write_private
from jumplab_operator.authority import ROTATION
from jumplab_operator.errors import DataDirUnusable
from jumplab_operator.standalone.storage.newest_version import NEWEST

MARKER = "jumplab-data"
LAYOUT = 1
DATABASE, AUTHORITY_CERTIFICATE, AUTHORITY_KEY, SIGNING_KEY = "api.sqlite3", "ca.crt", "ca.key", "signing.key"
IRREPLACEABLE = frozenset({DATABASE, AUTHORITY_CERTIFICATE, AUTHORITY_KEY, SIGNING_KEY, ROTATION})

_REPLACEABLE = ("admin.token", "accounts.key", "port", "grpc-port", "kubeconfig", "lock", "reserve", NEWEST, MARKER)
_ANY_OF_OURS = "|".join(map(re.escape, (*sorted(IRREPLACEABLE), *_REPLACEABLE)))
_OURS = re.compile(rf"{_ANY_OF_OURS}|\.({_ANY_OF_OURS})\.new-.*|api\.sqlite3(-wal|-shm|-journal|\.layout-\d+)|tls-.*")
_SURE = frozenset({DATABASE, AUTHORITY_CERTIFICATE, "lock"})
"""A folder with these is a data directory, whatever else somebody has put into it."""
_MADE_BY_THE_SYSTEM = frozenset({"lost+found"})


@dataclass(frozen=True, slots=True)
class Contents:
    """The irreplaceable files that were made in a data directory.

    is_recorded: the folder's own list says so; what it is of an older version's directory is a conclusion.
    """

    made: frozenset[str]
    is_recorded: bool


def contents_of(folder: Path) -> Contents:
    """Raises DataDirUnusable for a folder that is no data directory and not empty, or one of a newer version."""
    names = {each.name for each in folder.iterdir()} - _MADE_BY_THE_SYSTEM
    if MARKER in names:
        return Contents(_recorded(folder / MARKER), is_recorded=True)
    foreign = sorted(name for name in names if not _OURS.fullmatch(name))
    if foreign and not names >= _SURE:
        raise DataDirUnusable(
            f'the folder {folder} is no data directory of jumplab-operator and is not empty (it holds "{foreign[0]}"); '
            "choose an empty folder or a new one with --data-dir"
        )
    return Contents(_of_older_version(names), is_recorded=False)


def record(folder: Path, made: Iterable[str]) -> None:
    """Write the list. Raises NotWritten."""
    text = json.dumps({"layout": LAYOUT, "files": sorted(made)})
    write_private(folder / MARKER, f"{text}\n".encode())


def _recorded(marker: Path) -> frozenset[str]:
    try:
        found = json.loads(marker.read_bytes())
        layout, files = found["layout"], found["files"]
        if isinstance(layout, int) and layout > LAYOUT:
            raise DataDirUnusable(
                f"{marker} is of a newer version (layout {layout}; this one reads up to {LAYOUT}); "
                "upgrade jumplab-operator, or use another --data-dir"
            )
        if layout == LAYOUT and len(found) == 2 and set(files) <= IRREPLACEABLE:
            return frozenset(files)
    except OSError as error:
        raise DataDirUnusable(f"{marker} can't be read: {error.strerror or error}; {_RESTORE_MARKER}") from error
    except (ValueError, TypeError, KeyError):
        pass
    raise DataDirUnusable(f"{marker} is damaged; {_RESTORE_MARKER}")


_RESTORE_MARKER = "restore it from a backup, or remove it if all other files are there"


def _of_older_version(names: set[str]) -> frozenset[str]:
    """What a directory without a list must have. Each first start wrote the kubeconfig after the first three files."""
    if "kubeconfig" not in names:
        return frozenset()
    first = {DATABASE, AUTHORITY_CERTIFICATE, AUTHORITY_KEY}
    return frozenset(first | {SIGNING_KEY} if "grpc-port" in names else first)
