"""Checks before a lease is asked for: faults that the exporters' registered drivers show already."""

import asyncio
from collections.abc import Iterator

import click

from jumplab.cli.j.driver_tree import CONSOLE, choose_console
from jumplab.cli.lease_context import LeaseOptions
from jumplab.client.controller import Controller, Wanted
from jumplab.client.gangs import parse_members
from jumplab.client.views import DriverView
from jumplab.driver.errors import NotExported
from jumplab.transport.errors import TransportError

_LOOKED_AT = 16


async def check_console(controller: Controller, wanted: LeaseOptions, driver: str | None) -> None:
    """Raises NotExported where none of the exporters that may be leased has the console that is meant.

    driver: its path, behind a member's name where there are members; None: the only one. Where it is not known what an
    exporter has, nothing is raised: the lease will show it.
    """
    if wanted.lease is not None:
        return
    which, path = Wanted(selector=wanted.selector, exporter=wanted.exporter), driver
    if wanted.members:
        member, _, path = (driver or "").partition(".")
        if member not in wanted.members:
            members = ", ".join(wanted.members)
            raise click.UsageError(
                f"the lease has several members; give --driver MEMBER or MEMBER.PATH, with one of: {members}"
            )
        which = parse_members(wanted.members)[member]
    try:
        roots = await _registered(controller, which)
    except TransportError:
        return  # asking for the lease says it
    refusals = [refusal for root in roots if (refusal := _refusal(root, path or None)) is not None]
    if refusals and len(refusals) == len(roots):
        raise refusals[0]


async def _registered(controller: Controller, wanted: Wanted) -> list[DriverView | None]:
    exporters = [wanted.exporter]
    if not wanted.exporter:
        exporters = [each.name for each in await controller.exporters(wanted.selector)]
    if len(exporters) > _LOOKED_AT:
        return [None]
    return await asyncio.gather(*map(controller.drivers, exporters))


def _refusal(root: DriverView | None, path: str | None) -> NotExported | None:
    if root is None:
        return None
    try:
        choose_console(dict(_consoles(root, "")), path)
    except NotExported as refusal:
        return refusal
    return None


def _consoles(driver: DriverView, path: str) -> Iterator[tuple[str, bool]]:
    if CONSOLE in driver.interfaces:
        yield path, driver.is_alias
    for child in driver.children:
        yield from _consoles(child, f"{path}.{child.name}" if path else child.name)
