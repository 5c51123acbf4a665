"""Names that a shell completes: those that are in the lab now.

Completion is silent: where the lab can't be asked, or not soon enough, nothing is completed.
"""

import atexit
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta

import click

from jumplab.errors import JumplabError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from jumplab.client.admin import ClientView
    from jumplab.client.controller import Controller
    from jumplab.client.views import DriverView

VARIABLE = "_JUMPLAB_COMPLETE"
"""The shell's completion script sets it; see `click.shell_completion`."""

_LONGEST = timedelta(seconds=2)
_MOST_ASKED = 16
"""Of so many exporters the drivers are asked for: a lab may have a thousand."""
_CONSOLE = "jumplab.drivers.console.ConsoleInterface"


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
    """The requirement at the end of a selector for exporters: a label's key with `=`, then its value."""

    async def labels(controller: "Controller") -> list[str]:
        return _pairs([exporter.labels for exporter in await controller.exporters()])

    return _requirements(incomplete, _asked(ctx, labels))


def lease_selector(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """The same for leases, whose tags are labels."""

    async def tags(controller: "Controller") -> list[str]:
        return _pairs([lease.tags for lease in await controller.leases()])

    return _requirements(incomplete, _asked(ctx, tags))


def client_selector(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """The same for clients, for administrators."""
    return _requirements(incomplete, _pairs([client.labels for client in _administered_clients(ctx)]))


def members(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """A member of a gang: behind its name and = a selector, or @ and an exporter's name."""
    name, equals, what = incomplete.partition("=")
    if not equals:
        return []
    if what.startswith("@"):
        return [f"{name}=@{exporter}" for exporter in exporters(ctx, parameter, what[1:])]
    return [f"{name}={selector}" for selector in exporter_selector(ctx, parameter, what)]


def console_paths(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """The paths of the consoles that the other options lead to; a gang's begin with the member."""

    async def paths(controller: "Controller") -> list[str]:
        found: set[str] = set()
        for member, exporter in await _meant(ctx, controller):
            root = await controller.drivers(exporter)
            found.update(f"{member}{path}" for path in (_consoles(root) if root is not None else ()))
        return sorted(found)

    return _beginning(incomplete, _asked(ctx, paths))


async def _meant(ctx: click.Context, controller: "Controller") -> list[tuple[str, str]]:
    """The exporters that a command is about, each behind its member's name and a dot, where it has one."""
    given = ctx.params
    lease_name = given.get("lease_name") or given.get("log_of")
    if lease_name:
        lease = await controller.lease(lease_name)
        gang = [(f"{member.name}.", member.exporter) for member in lease.members]
        return [each for each in (gang or [("", lease.exporter)]) if each[1]]
    if given.get("exporter"):
        return [("", given["exporter"])]
    matching = await controller.exporters(given.get("selector") or "")
    return [("", exporter.name) for exporter in matching[:_MOST_ASKED]]


def _consoles(driver: "DriverView", above: str = "") -> list[str]:
    found: list[str] = []
    for child in driver.children:
        path = f"{above}{child.name}"
        if _CONSOLE in child.interfaces:
            found.append(path)
        found += _consoles(child, f"{path}.")
    return found


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
    return _beginning(incomplete, [client.name for client in _administered_clients(ctx)])


def all_exporters(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Every exporter of the lab, for administrators."""
    from jumplab.client.admin import Administrator

    try:
        return _beginning(
            incomplete, Administrator(ctx.params.get("kubeconfig"), ctx.params.get("namespace")).names("Exporter")
        )
    except JumplabError:
        return []


def _administered_clients(ctx: click.Context) -> "list[ClientView]":
    from jumplab.client.admin import Administrator

    try:
        return Administrator(ctx.params.get("kubeconfig"), ctx.params.get("namespace")).clients()
    except JumplabError:
        return []


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


def _pairs(labels: "Sequence[Mapping[str, str]]") -> list[str]:
    return sorted({f"{key}={value}" for each in labels for key, value in each.items()})


def _requirements(incomplete: str, pairs: Sequence[str]) -> list[str]:
    """Selectors that begin with what is there, by these labels: the last key with `=`, then its value."""
    before, comma, last = incomplete.rpartition(",")
    known = list(pairs) if "=" in last else sorted({pair.partition("=")[0] + "=" for pair in pairs})
    return [f"{before}{comma}{each}" for each in _beginning(last, known)]


def _beginning(incomplete: str, names: Sequence[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
