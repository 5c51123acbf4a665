"""The common part of `shell`, `run` and `console`: a lease of one's own, or one that exists already."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import click

from jumplab.cli.exit_status import print_note
from jumplab.cli.waiting_line import WaitingLine
from jumplab.client import acquiring
from jumplab.client.acquiring import AcquiredLease
from jumplab.client.config import ClientConfig
from jumplab.client.controller import Controller
from jumplab.client.gangs import parse_members
from jumplab.client.heartbeat import heartbeat
from jumplab.client.lease_status import ready_sentence, released_sentence
from jumplab.client.views import LeaseView


@dataclass(frozen=True, slots=True)
class LeaseOptions:
    """The options of `options.lease_options`, --lease, and --tag."""

    selector: str
    exporter: str
    members: Mapping[str, str]
    duration: timedelta
    name: str | None
    wait_timeout: timedelta | None
    lease: str | None
    max_duration: timedelta | None = None
    keep_detached: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)


@asynccontextmanager
async def acquire(
    controller: Controller, config: ClientConfig, wanted: LeaseOptions, *, interactive: bool = True, busy: bool = False
) -> AsyncIterator[AcquiredLease]:
    """The requested lease, once it is ready, with its heartbeat; where it waits, its end and its release are printed on
    standard error.

    interactive: a person uses it, who may be away for longer.  busy: as for `heartbeat`.
    """
    timeout = wanted.wait_timeout or config.patience.wait_timeout
    wants_one = bool(wanted.selector or wanted.exporter or wanted.members or wanted.name or wanted.tags)
    # Jumpstarter's pipelines name in the environment the lease that an earlier step has made.
    existing = wanted.lease if wanted.lease is not None or wants_one else os.environ.get("JMP_LEASE") or None
    if existing is not None:
        if wants_one:
            raise click.UsageError(
                "--lease names a lease that exists; leave out -l, --exporter, --member, --name and --tag"
            )
        if wanted.max_duration is not None or wanted.keep_detached:
            raise click.UsageError("a lease that exists is left as it is; leave out --max and --keep-detached")
        waiting = WaitingLine(controller, existing)
        leasing = acquiring.joined(controller, existing, timeout=timeout, notify=waiting.notify)
    else:
        request = acquiring.make_request(
            config,
            selector=wanted.selector,
            exporter=wanted.exporter,
            members=parse_members(wanted.members),
            duration=wanted.duration,
            name=wanted.name,
            tags=wanted.tags,
            release_after_detached=acquiring.detached_limit(interactive=interactive, keep=wanted.keep_detached),
            max_duration=wanted.max_duration,
        )
        waiting = WaitingLine(controller, request.name)
        leasing = acquiring.acquired(controller, request, timeout=timeout, notify=waiting.notify)
    acquired = None
    try:
        async with AsyncExitStack() as stack:
            async with waiting.shown():
                acquired = await stack.enter_async_context(leasing)
            print_note(ready_sentence(acquired.lease, datetime.now(UTC)))
            await stack.enter_async_context(heartbeat(controller, acquired.lease, busy=busy))
            yield acquired
    finally:
        if acquired is not None and acquired.released and not acquired.over:
            print_note(released_sentence(acquired.lease))


def member_of(lease: LeaseView, driver: str | None) -> tuple[str, str | None]:
    """Of a driver's path in a lease of several exporters: the member that it begins with, and the rest.

    Without members the path is what it was. Raises UsageError where it names no member.
    """
    if not lease.members:
        return "", driver
    member, _, path = (driver or "").partition(".")
    names = [each.name for each in lease.members]
    if member not in names:
        raise click.UsageError(
            f"the lease has several members; give --driver MEMBER or MEMBER.PATH, with one of: {', '.join(names)}"
        )
    return member, path or None
