"""An exporter's Status stream: its presence, its assignment, and the offers of clients that dial it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from jumplab.protocol.v1 import controller_pb2
from jumplab_operator.controller.credentials import Subject
from jumplab_operator.controller.lab import Assignment, Lab
from jumplab_operator.controller.messages import timestamp
from jumplab_operator.controller.offers import Listener, LocalOffer, LogsOffer, Offer, Offers, RouterOffer
from jumplab_operator.controller.refusals import NoSuchThing, Superseded
from jumplab_operator.names import Name
from jumplab_operator.resources import Exporter

Send = Callable[[controller_pb2.StatusResponse], Awaitable[None]]


class StatusStream:
    """One connection of one exporter, until it is lost or the exporter is deleted or connects again.

    listener: hears of its offers; `wake` is for this stream alone.
    """

    def __init__(self, lab: Lab, offers: Offers, exporter: Subject, listener: Listener, send: Send) -> None:
        self._lab = lab
        self._offers = offers
        self._exporter = exporter
        self._listener = listener
        self._send = send
        self._changed = listener.wake
        self._assignment: Assignment | None = None
        self._known = False
        self._over = False

    async def run(self) -> None:
        """Sends the state now and after each change. Raises NoSuchThing or Superseded at its end."""
        exporter = self._exporter
        self._offers.listen(exporter.uid, self._listener)
        try:
            async with (
                self._lab.presence(exporter.name, exporter.uid) as assignments,
                asyncio.TaskGroup() as tasks,
            ):
                tasks.create_task(self._follow(assignments), name=f"assignments of {exporter}")
                await self._send_assignment()
        finally:
            self._offers.stop_listening(exporter.uid, self._listener)
        raise self._end()

    async def _follow(self, assignments: AsyncIterator[Assignment | None]) -> None:
        async for assignment in assignments:
            self._assignment, self._known = assignment, True
            self._changed.set()
        self._over = True
        self._changed.set()

    async def _send_assignment(self) -> None:
        while True:
            # Without a bound: keepalive notices a peer that has vanished, and the call is cancelled then.
            await self._changed.wait()
            self._changed.clear()
            if self._over:
                return
            # An offer may come before the first word on the assignment; "not leased" would be wrong then.
            if self._known:
                await self._send(self._state())

    def _state(self) -> controller_pb2.StatusResponse:
        offers, assignment = self._offers.current(self._exporter.uid), self._assignment
        holder = Name(self._exporter.name.namespace, assignment.client) if assignment is not None else None
        return _state(assignment, offers, self._lab.credentials_of(holder) if holder is not None else ())

    def _end(self) -> NoSuchThing | Superseded:
        name = self._exporter.name
        found = self._lab.exporter(name)
        is_another = found is not None and found.uid != self._exporter.uid
        if is_another or (found is None and not self._lab.problem(Exporter, name)):
            return NoSuchThing(f'exporter "{name.name}" in namespace "{name.namespace}" has been deleted')
        return Superseded(
            f'another process has connected as exporter "{name.name}" in namespace "{name.namespace}"; run only one'
        )


def _state(
    assignment: Assignment | None, offers: list[Offer], credentials: Sequence[str]
) -> controller_pb2.StatusResponse:
    """The whole state; offers of an earlier lease or holder aren't part of it, but for those of its logs."""
    log_offers = [_log_offer(offer) for offer in offers if isinstance(offer, LogsOffer)]
    if assignment is None:
        return controller_pb2.StatusResponse(leased=False, log_offers=log_offers)
    now = (assignment.lease_uid, assignment.client)
    local_offers = [offer for offer in offers if isinstance(offer, LocalOffer) and (offer.lease, offer.holder) == now]
    own = [offer for offer in offers if not isinstance(offer, LogsOffer) and (offer.lease, offer.holder) == now]
    return controller_pb2.StatusResponse(
        leased=True,
        lease_name=assignment.lease.name,
        lease_uid=assignment.lease_uid,
        client_name=assignment.client,
        context=assignment.context,
        expected_end_time=timestamp(assignment.expected_end) if assignment.expected_end else None,
        offers=[
            controller_pb2.RouterOffer(router_endpoint=offer.router_endpoint, router_token=offer.router_token)
            for offer in own
            if isinstance(offer, RouterOffer)
        ],
        notice=assignment.notice,
        local_tokens=[offer.token_sha256 for offer in local_offers],
        local_token_credentials=[offer.credential for offer in local_offers],
        holder_credentials=credentials,
        log_offers=log_offers,
    )


def _log_offer(offer: LogsOffer) -> controller_pb2.LogOffer:
    router = controller_pb2.RouterOffer(router_endpoint=offer.router_endpoint, router_token=offer.router_token)
    return controller_pb2.LogOffer(lease_uid=offer.lease, router=router)
