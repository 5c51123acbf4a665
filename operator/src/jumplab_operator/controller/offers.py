"""The sessions that clients have dialled, stored for their exporters until the tokens expire."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class RouterOffer:
    """A way into the router for an exporter. lease: the uid of its lease;  holder: the client that has dialled."""

    lease: str
    holder: str
    router_endpoint: str
    router_token: str = field(repr=False)
    expires: datetime


@dataclass(frozen=True, slots=True)
class LocalOffer:
    """A client that comes to the exporter's own socket. token_sha256: of the token that it brings.  credential: the id
    of the one by which it has dialled."""

    lease: str
    holder: str
    credential: str
    token_sha256: bytes
    expires: datetime


@dataclass(frozen=True, slots=True)
class LogsOffer:
    """A client that waits at the router to read the console logs of a lease, by its uid."""

    lease: str
    router_endpoint: str
    router_token: str = field(repr=False)
    expires: datetime


Offer = RouterOffer | LocalOffer | LogsOffer


@dataclass(frozen=True, slots=True)
class SocketAddress:
    """The socket of an exporter for clients of its own machine. machine: its name;  socket: a path there."""

    machine: str
    socket: str


@dataclass(frozen=True, slots=True)
class Listener:
    """An exporter that hears of offers. wake: set at each.  credential: its own, by its id.  local_socket: where it
    takes clients of its own machine in, if it does.  serves_logs: whether it knows LogsOffers."""

    wake: asyncio.Event
    credential: str = ""
    local_socket: SocketAddress | None = None
    serves_logs: bool = False


class Offers:
    """The offers of all exporters, by the exporters' uids. now: the time."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._offers: dict[str, list[Offer]] = {}
        self._listeners: dict[str, Listener] = {}

    def post(self, exporter_uid: str, offer: Offer, *, aloud: bool = True) -> None:
        """Stores an offer, and wakes the listener of the exporter, if `aloud`."""
        self._offers[exporter_uid] = [*self.current(exporter_uid), offer]
        if aloud:
            self.wake(exporter_uid)

    def wake(self, exporter_uid: str) -> None:
        """Has the exporter told its state anew."""
        if exporter_uid in self._listeners:
            self._listeners[exporter_uid].wake.set()

    def credential_of(self, exporter_uid: str) -> str:
        """The credential of the exporter that listens; empty while none does."""
        listener = self._listeners.get(exporter_uid)
        return listener.credential if listener is not None else ""

    def socket_on(self, machine: str, exporter_uid: str) -> str:
        """The exporter's socket, if the exporter listens and is on this machine; else empty."""
        listener = self._listeners.get(exporter_uid)
        local_socket = listener.local_socket if listener is not None else None
        return local_socket.socket if local_socket is not None and machine and local_socket.machine == machine else ""

    def serves_logs(self, exporter_uid: str) -> bool | None:
        """Whether the exporter knows LogsOffers; None while it does not listen."""
        listener = self._listeners.get(exporter_uid)
        return listener.serves_logs if listener is not None else None

    def current(self, exporter_uid: str) -> list[Offer]:
        """The offers that are still good."""
        now = self._now()
        good = [offer for offer in self._offers.pop(exporter_uid, ()) if offer.expires > now]
        if good:
            self._offers[exporter_uid] = good
        return good

    def listen(self, exporter_uid: str, listener: Listener) -> None:
        """Wakes the listener at each offer for the exporter from now on; an exporter's last one is the one."""
        self._listeners[exporter_uid] = listener

    def stop_listening(self, exporter_uid: str, listener: Listener) -> None:
        """Ends what `listen` began, unless another call of it has replaced that."""
        if self._listeners.get(exporter_uid) is listener:
            del self._listeners[exporter_uid]
