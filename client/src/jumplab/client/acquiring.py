"""From asking for a lease to holding it, and giving it back.

Waiting and releasing are separate steps, so that the one who created a lease can release it however the waiting ends.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import timedelta

from jumplab.client.controller import Controller
from jumplab.client.durations import format_duration
from jumplab.client.errors import LeaseEnded, LeaseNotReady
from jumplab.client.standing import Phase, failure_of, phase_of, why_waiting
from jumplab.client.views import LeaseView
from jumplab.transport import errors as transport_errors
from jumplab.transport.backoff import Backoff

RELEASE_BOUND = timedelta(seconds=15)

Tell = Callable[[str], None]


def say_nothing(_sentence: str) -> None:
    """For callers that show no progress."""


def make_lease_name(client: str, draw: Callable[[int], str] = secrets.token_hex) -> str:
    """A name that no other lease has. It is chosen here, to release by it a lease whose creation was interrupted."""
    return f"{client}-{draw(4)}"


async def wait_until_ready(
    controller: Controller, name: str, *, timeout: timedelta | None, tell: Tell, backoff: Backoff | None = None
) -> LeaseView:
    """Waits until the lease can be used.

    timeout None: for as long as it takes, since a queue may be long.  tell: is given a sentence whenever the reason for
    waiting changes. A controller that goes away meanwhile is waited for; one that is away from the start is not.
    Raises LeaseFailed, LeaseNotReady or TransportError. Cancelling leaves the lease as it is.
    """
    why = "the controller has not said anything yet"
    try:
        async with asyncio.timeout(timeout.total_seconds() if timeout else None):
            async with aclosing(follow(controller, name, tell=tell, backoff=backoff or Backoff())) as states:
                async for lease in states:
                    if failure := failure_of(lease):
                        raise failure
                    if phase_of(lease) is Phase.READY:
                        return lease
                    if why_waiting(lease) != why:
                        why = why_waiting(lease)
                        tell(f'lease "{name}": {why}')
    except TimeoutError:
        waited = format_duration(timeout or timedelta())
        raise LeaseNotReady(
            f'lease "{name}" was not ready within {waited}: {why}; wait longer, or ask for another'
        ) from None
    raise LeaseEnded(f'lease "{name}" was deleted; make a new one')


async def follow(controller: Controller, name: str, *, tell: Tell, backoff: Backoff) -> AsyncGenerator[LeaseView, None]:
    """The lease now and after each change, over lost connections too; ends when the lease is deleted.

    Raises TransportError where the controller refuses, or does not answer from the start.
    """
    seen = False
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
            tell(f"{error}; trying again")
        await backoff.wait()


async def release(controller: Controller, name: str, *, backoff: Backoff | None = None) -> None:
    """Gives a lease back, trying for RELEASE_BOUND where the controller is away; one that is gone already is fine.

    Raises TransportError where the controller refuses or stays away: the lease then lasts until it expires.
    """
    backoff = backoff or Backoff()
    deadline = asyncio.get_running_loop().time() + RELEASE_BOUND.total_seconds()
    while True:
        try:
            return await controller.delete_lease(name)
        except transport_errors.NotFound:
            return None
        except transport_errors.CertificateRejected:
            raise
        except transport_errors.Unreachable:
            if asyncio.get_running_loop().time() > deadline:
                raise
        await backoff.wait()
