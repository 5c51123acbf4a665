"""Lease a board and hold it as if it were on the desk.

    with jumplab.lease("board=qemu-arm64", duration="30m") as board:
        board.power.cycle()
        board.console.expect("=> ")

The names here are what test authors need; they are loaded at first use. Driver authors find theirs in `jumplab.driver`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jumplab.client.leasing import Leased, attach, lease
    from jumplab.errors import JumplabError

__all__ = ["JumplabError", "Leased", "attach", "lease"]

_HOMES = {
    "JumplabError": "jumplab.errors",
    "Leased": "jumplab.client.leasing",
    "attach": "jumplab.client.leasing",
    "lease": "jumplab.client.leasing",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
