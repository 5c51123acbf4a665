"""Names that a shell completes: those that are in the lab now.

Completion is silent: where the lab can't be asked, or not soon enough, nothing is completed.
"""

import atexit
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import click

from jumplab.errors import JumplabError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from jumplab.client.controller import Controller

VARIABLE = "_JUMPLAB_COMPLETE"
"""The shell's completion script sets it; see `click.shell_completion`."""

_LONGEST = timedelta(seconds=2)


def be_silent_and_quick() -> None:
    """Where this process completes for a shell: it prints no error, and ends after `_LONGEST` whatever it waits for."""
    if not os.environ.get(VARIABLE, "").endswith("_complete"):
        return
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    signal.signal(signal.SIGALRM, lambda _number, _frame: os._exit(0))
    signal.setitimer(signal.ITIMER_REAL, _LONGEST.total_seconds())
    atexit.register(signal.setitimer, signal.ITIMER_REAL, 0)  # the interpreter's own end has no handler any more


def leases(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """The leases that have not ended."""

    async def names(controller: "Controller") -> list[str]:
        return [lease.name for lease in await controller.leases()]

    return _beginning(incomplete, _asked(ctx, names))


def exporters(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """The exporters' names."""

    async def names(controller: "Controller") -> list[str]:
        return [exporter.name for exporter in await controller.exporters()]

    return _beginning(incomplete, _asked(ctx, names))


def exporter_selector(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """The requirement at the end of a selector: a label's key with `=`, then its value."""

    async def pairs(controller: "Controller") -> list[str]:
        found = await controller.exporters()
        return sorted({f"{key}={value}" for exporter in found for key, value in exporter.labels.items()})

    before, comma, last = incomplete.rpartition(",")
    known = _asked(ctx, pairs)
    if "=" not in last:
        known = sorted({pair.partition("=")[0] + "=" for pair in known})
    return [f"{before}{comma}{each}" for each in _beginning(last, known)]


def holders(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """The clients that a user can know: those that hold or await leases, and the user's own."""

    async def names(controller: "Controller") -> list[str]:
        return [lease.client for lease in await controller.leases()]

    return _beginning(incomplete, sorted({*_asked(ctx, names), *_configured()}))


def configurations(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """The client configurations of this user."""
    return _beginning(incomplete, _configured())


def all_clients(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Every client of the lab, for administrators."""
    from jumplab.client.admin import Administrator

    try:
        found = Administrator(ctx.params.get("kubeconfig"), ctx.params.get("namespace")).clients()
    except JumplabError:
        return []
    return _beginning(incomplete, [client.name for client in found])


def _asked(ctx: click.Context, names: "Callable[[Controller], Awaitable[list[str]]]") -> list[str]:
    import asyncio

    from jumplab.client.config_files import load_client
    from jumplab.client.controller import Controller

    async def ask() -> list[str]:
        async with Controller.connected(load_client(ctx.params.get("client_name"))) as controller:
            return await names(controller)

    try:
        return asyncio.run(ask())
    except JumplabError:
        return []


def _configured() -> list[str]:
    from jumplab.client.config_files import ConfigFiles

    try:
        return ConfigFiles.of(os.environ).client_names()
    except JumplabError:
        return []


def _beginning(incomplete: str, names: Sequence[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
