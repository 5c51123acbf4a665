"""For those who test drivers, and tests that use them: sessions within the process, and a pytest plugin.

    with serve(relay=HttpRelay(url="http://127.0.0.1:8080")) as board:
        board.relay.on()

`serve` never talks to a controller: there is no lease there. The plugin leases: `plugin` is what pytest loads,
`asked_boards` reads what a run asks for, `held_boards` opens it, `held_strategies` brings it into a state. The names
here are loaded at first use: every run of pytest imports this package.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from jumplab.testing.serving import serve, serve_async

__all__ = ["serve", "serve_async"]


def __getattr__(name: str) -> "Any":
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from jumplab.testing import serving

    return getattr(serving, name)
