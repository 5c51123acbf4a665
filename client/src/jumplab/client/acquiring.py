"""From asking for a lease to holding it, and giving it back."""

import asyncio
import os
import secrets
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from jumplab.client.config import ClientConfig
from jumplab.client.controller import Controller, LeaseRequest, Wanted
from jumplab.client.errors import ConfigurationError, LeaseEnded, LeaseNotReady
from jumplab.client.lease_status import Phase, exporters_sentence, failure_of, foreign_to, phase_of, why_waiting
from jumplab.client.request_rules import request_problem
from jumplab.client.views import LeaseView
from jumplab.protocol.durations import format_duration
from jumplab.transport import errors as transport_errors
from jumplab.transport.backoff import Backoff

RELEASE_BOUND = timedelta(seconds=15)

DETACHED_LIMIT = timedelta(minutes=2)
"""How long a program may be away before its lease ends."""
DETACHED_LIMIT_AT_TERMINAL = timedelta(minutes=15)
"""The same for a person, who comes back."""

Notify = Callable[[str], None]


def detached_limit(*, interactive: bool, keep: bool = False) -> timedelta | None:
    """How long the holder of a new lease may be away before the lease ends.

    interactive: a person uses the lease, where standard input is a terminal.  keep: the lease stays; None.
    """
    if keep:
        return None
    at_terminal = interactive and sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()
    return DETACHED_LIMIT_AT_TERMINAL if at_terminal else DETACHED_LIMIT


def make_request(
    config: ClientConfig,
    *,
    selector: str,
    exporter: str,
    duration: timedelta,
    members: Mapping[str, Wanted] | None = None,
    name: str | None = None,
    begin: datetime | None = None,
    tags: Mapping[str, str] | None = None,
    release_after_detached: timedelta | None = None,
    max_duration: timedelta | None = None,
    draw: Callable[[int], str] = secrets.token_hex,
) -> LeaseRequest:
    """A request for what was asked; raises ConfigurationError where that is nothing, one and several, or what no lease
    may ask for.

    release_after_detached, max_duration: as for LeaseRequest; `detached_limit` gives the first.
    A name that nobody gave is made here, so that a lease can be released by it even if its creation was interrupted.
    """
    _refuse_in_hook()
    if not selector.strip() and not exporter and not members:
        raise ConfigurationError("say what to lease: a selector such as board=x, or an exporter by its name")
    if members and (selector or exporter):
        raise ConfigurationError("exporters and selector exclude each other; set a selector for each member")
    made = f"{config.metadata.name}-{draw(4)}"
    request = LeaseRequest(
        made if name is None else name,
        duration,
        selector,
        exporter,
        members or {},
        begin=begin,
        tags=tags or {},
        release_after_detached=release_after_detached,
        max_duration=max_duration,
        name_is_ours=name is None,
    )
    if problem := request_problem(request):
        raise ConfigurationError(problem)
    return request


@dataclass(slots=True)
class AcquiredLease:
    """A lease that is ready, and whether it is to be released at the end.  wait: until it is ready, for as long as its
    user has the patience.  notify: gets a sentence when it has other exporters.  limit: how long its user may be away,
    where this is known.  max_duration: up to when use extends it; None: it does not, or nobody knows.
    over: it is known to have ended.  released: it was given back."""

    lease: LeaseView
    wait: Callable[[], Awaitable[LeaseView]]
    notify: Notify
    limit: timedelta | None = None
    max_duration: timedelta | None = None
    persists: bool = False
    over: bool = False
    released: bool = False

    async def until_ready(self) -> bool:
        """Waits where it was given back, since its exporter was lost before anybody had used it; whether it was placed
        anew since it was last ready. Raises as `wait_until_ready`."""
        before, self.lease = self.lease, await self.wait()
        reassigned = (before.begin, before.exporter) != (self.lease.begin, self.lease.exporter)
        if reassigned:
            self.notify(f'lease "{self.lease.name}": {exporters_sentence(self.lease)} ready')
        return reassigned

    def persist(self) -> None:
        """The lease outlives its context."""
        self.persists = True


@asynccontextmanager
async def acquired(
    controller: Controller,
    request: LeaseRequest,
    *,
    timeout: timedelta | None,
    notify: Notify,
    keep: bool = False,
) -> AsyncIterator[AcquiredLease]:
    """Creates a lease and waits until it is ready; leaving the context releases it, however it is left.

    timeout and notify: as for `wait_until_ready`, and it raises what that raises. Where something else has gone wrong
    already, a release that fails is a notification, not an error.  keep: once it is ready it is not released.
    """
    made = await create(controller, request, notify=notify)
    wait = partial(wait_until_ready, controller, request.name, uid=made.uid, timeout=timeout, notify=notify)
    acquired = None
    try:
        acquired = AcquiredLease(
            await wait(), wait, notify, request.release_after_detached, request.max_duration, persists=keep
        )
        yield acquired
    except BaseException:
        if keep and acquired is not None:
            raise
        released = await _release_or_notify(controller, request, notify, uid=made.uid)
        if acquired is not None:
            acquired.released = released
        raise
    if not acquired.persists:
        acquired.released = await release(controller, request.name, uid=made.uid)


@asynccontextmanager
async def joined(
    controller: Controller, name: str, *, timeout: timedelta | None, notify: Notify
) -> AsyncIterator[AcquiredLease]:
    """Waits until a lease that somebody else made is ready; it is not released at the end. Raises as `acquired`."""
    _refuse_in_hook()
    wait = partial(wait_until_ready, controller, name, timeout=timeout, notify=notify)
    yield AcquiredLease(await wait(), wait, notify, persists=True)


def _refuse_in_hook() -> None:
    """A hook that waited for a lease could wait for its own exporter. Raises ConfigurationError."""
    if hook := os.environ.get("JUMPLAB_HOOK"):
        raise ConfigurationError(f"hook {hook} may not lease: it has its own exporter's drivers, by `j`")


async def create(controller: Controller, request: LeaseRequest, *, notify: Notify) -> LeaseView:
    """Creates a lease. If the creation is interrupted, the lease is released, where its name is ours."""
    try:
        return await controller.create_lease(request)
    except transport_errors.Refused:
        raise
    except BaseException:
        if request.name_is_ours:
            await _release_or_notify(controller, request, notify, patient=False)
        raise


async def wait_until_ready(
    controller: Controller,
    name: str,
    *,
    timeout: timedelta | None,
    notify: Notify,
    uid: str = "",
    backoff: Backoff | None = None,
) -> LeaseView:
    """Waits until the lease can be used.

    timeout None: without a limit, since a queue may be long.  notify: receives a sentence whenever the reason for
    waiting changes.  uid: the lease's, where it is known: a newer one may have its name by now.

    A controller that goes away meanwhile is waited for; one that is away from the start is not.
    Raises LeaseFailed, LeaseNotOwn, LeaseNotReady or TransportError. Cancelling leaves the lease as it is.
    """
    why = "the controller has not answered yet"
    try:
        async with asyncio.timeout(timeout.total_seconds() if timeout else None):
            async with aclosing(follow(controller, name, notify=notify, backoff=backoff or Backoff())) as states:
                async for lease in states:
                    if uid and lease.uid != uid:
                        raise LeaseEnded(f'lease "{name}" has ended, and another one has its name; create a new one')
                    if failure := foreign_to(controller.client_name, lease) or failure_of(lease):
                        raise failure
                    if phase_of(lease) is Phase.READY:
                        return lease
                    if why_waiting(lease) != why:
                        why = why_waiting(lease)
                        notify(f'lease "{name}": {why}')
    except TimeoutError:
        waited = format_duration(timeout or timedelta())
        raise LeaseNotReady(
            f'lease "{name}" was not ready within {waited}: {why}; wait longer, or choose another exporter'
        ) from None
    raise LeaseEnded(f'lease "{name}" was deleted; create a new one')


async def follow(
    controller: Controller, name: str, *, notify: Notify, backoff: Backoff, seen: bool = False
) -> AsyncGenerator[LeaseView, None]:
    """The lease now and after each change, over lost connections too; ends when the lease is deleted.

    seen: the lease is known to exist. Raises TransportError where the controller refuses, or, for one that is not,
    does not answer from the start.
    """
    while True:
        try:
            async with aclosing(controller.watch_lease(name)) as states:
                async for lease in states:
                    seen = True
                    backoff.reset()
                    yield lease
        except transport_errors.NotFound:
            if not seen:
                raise
            return
        except transport_errors.CertificateRejected:
            raise
        except transport_errors.Unreachable as error:
            if not seen:
                raise
            notify(f"{error}; trying again")
        await backoff.wait()


async def release(controller: Controller, name: str, *, uid: str = "", backoff: Backoff | None = None) -> bool:
    """Gives a lease back, trying for RELEASE_BOUND where the controller is away; whether there was one to give back.

    One that is gone already, or was handed to another client, is left alone.
    uid: the lease's, where it is known: its name may be that of a newer one by now.
    Raises TransportError where the controller refuses or stays away: `not_released` says how the lease ends then.
    """
    backoff = backoff or Backoff()
    clock = asyncio.get_running_loop().time
    deadline = clock() + RELEASE_BOUND.total_seconds()
    while True:
        try:
            await controller.delete_lease(name, uid)
            return True
        except transport_errors.NotFound:
            return False
        except transport_errors.NotAllowed:
            if foreign_to(controller.client_name, await controller.lease(name)):
                return False
            raise
        except transport_errors.Unreachable as error:
            if isinstance(error, transport_errors.CertificateRejected) or clock() > deadline:
                raise
        await backoff.wait()


def not_released(name: str, limit: timedelta | None, error: transport_errors.TransportError) -> str:
    """A sentence that a lease could not be given back, and how it ends.

    limit: how long its user may be away; None: without a limit.
    """
    detached = "" if limit is None else f", or until nobody has been attached for {format_duration(limit)}"
    return f'lease "{name}" could not be released and lasts until it expires{detached}: {error}'


async def _release_or_notify(
    controller: Controller, request: LeaseRequest, notify: Notify, *, uid: str = "", patient: bool = True
) -> bool:
    """Whether it was released."""
    try:
        if patient:
            return await release(controller, request.name, uid=uid)
        await controller.delete_lease(request.name)
    except transport_errors.NotFound:
        return False
    except transport_errors.TransportError as error:
        if patient:
            notify(not_released(request.name, request.release_after_detached, error))
        return False
    return True
