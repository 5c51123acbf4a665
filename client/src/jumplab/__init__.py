"""Lease a board and hold it as if it were on the desk.

    with jumplab.lease("board=qemu-arm64", duration="30m") as board:
        board.power.cycle()
        board.console.expect("=> ")

The names here are what test authors need; they are loaded at first use. Driver authors find theirs in `jumplab.driver`.
"""

# Without `typing`: whatever imports Jumplab runs this, and `j` is done in the time that `typing` takes.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from jumplab.client.leasing import Leased, attach, lease
    from jumplab.errors import JumplabError

__all__ = ["JumplabError", "Leased", "attach", "lease"]

_HOMES = {
    "JumplabError": "jumplab.errors",
    "Leased": "jumplab.client.leasing",
    "attach": "jumplab.client.leasing",
    "lease": "jumplab.client.leasing",
}


def __getattr__(name: str) -> "Any":
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
