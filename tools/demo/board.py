"""The demonstration's board: QEMU with real U-Boot where they are, else the one in pure Python."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from jumplab_exporter.drivers.board.qemu import QemuBoard


@dataclass(frozen=True, slots=True)
class Board:
    """A kind of board.

    driver: its type in the exporter's configuration.  commands: what it is asked, the listing of its disk last.
    missing: what kept it from being better.
    """

    title: str
    driver: str
    commands: tuple[str, ...]
    missing: str = ""


LIST = "ls virtio 0"
QEMU = Board(
    "a QEMU board with Debian's U-Boot",
    "jumplab_exporter.drivers.board.qemu.QemuBoard",
    ("version", "virtio scan", LIST),
)
VIRTUAL = Board(
    "a virtual board in pure Python", "jumplab_exporter.drivers.board.virtual.VirtualBoard", ("version", LIST)
)


def find_board() -> Board:
    """The best board that this machine can run."""
    try:
        QemuBoard().command()
    except FileNotFoundError as error:
        return Board(VIRTUAL.title, VIRTUAL.driver, VIRTUAL.commands, missing=str(error))
    return QEMU


def export(configuration: Path, board: Board) -> None:
    """Writes the board into an exporter's configuration; its parts are at hand at the top."""
    settings = yaml.safe_load(configuration.read_text())
    settings["export"] = {
        "board": {"type": board.driver},
        **{part: {"ref": f"board.{part}"} for part in ("power", "console", "storage")},
    }
    configuration.write_text(yaml.safe_dump(settings, sort_keys=False))
