"""What `shell` and `console` have in common: a lease of one's own, or one that is there already."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import click

from jumplab.cli.ending import say
from jumplab.client import acquiring
from jumplab.client.acquiring import Held
from jumplab.client.config import ClientConfig
from jumplab.client.controller import Controller
from jumplab.client.standing import ready_sentence


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options of `options.lease_options`, and --lease."""

    selector: str
    exporter: str
    duration: timedelta
    name: str | None
    wait_timeout: timedelta | None
    lease: str | None


@asynccontextmanager
async def hold(controller: Controller, config: ClientConfig, wanted: Wanted) -> AsyncIterator[Held]:
    """The lease that is wanted, once it is ready; what it waits for and when it ends is told on standard error."""
    timeout = wanted.wait_timeout
    if wanted.lease is not None:
        if wanted.selector or wanted.exporter or wanted.name:
            raise click.UsageError("--lease names a lease that exists; leave out -l, --exporter and --name")
        holding = acquiring.joined(controller, wanted.lease, timeout=timeout, tell=say)
    else:
        request = acquiring.make_request(
            config, selector=wanted.selector, exporter=wanted.exporter, duration=wanted.duration, name=wanted.name
        )
        holding = acquiring.acquired(controller, request, timeout=timeout, tell=say)
    async with holding as held:
        say(ready_sentence(held.lease, datetime.now(UTC)))
        yield held
