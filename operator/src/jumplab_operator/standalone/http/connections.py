"""Connections of the HTTP server, from the moment they are accepted: whose are let stay, and for how long.

A stranger is a connection on which no good token has come yet: it may be in the middle of its TLS handshake, or of a
header, for ever. There are bounds for strangers alone, and the oldest goes for a newer one: an honest client shows its
token within milliseconds, so a flood of strangers costs it nothing.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address

from jumplab_operator import descriptors

Network = IPv4Network | IPv6Network
Address = tuple[str, int]
"""Where a peer comes from: its address and its port."""

_BACKLOG = 1024
_AT_ONCE = 64
"""So many are accepted before others have their turn in the loop."""
_PAUSE_SECONDS = 0.1
"""Without a descriptor to be had, nobody is accepted for so long."""
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """strangers_per_address: how many stay that are older than `grace_seconds`;  strangers: of all addresses;
    handshake_seconds, identify_seconds: how long the TLS handshake may take, and all until the first good token;
    trusted_proxies: whose connections don't count by address, since many clients come from there.
    """

    strangers_per_address: int = 64
    grace_seconds: float = 1.0
    strangers: int = 512
    handshake_seconds: float = 10.0
    identify_seconds: float = 20.0
    trusted_proxies: tuple[Network, ...] = ()


@dataclass(eq=False, slots=True)
class _Stranger:
    since: float
    opening: asyncio.Task[asyncio.Transport | None]
    deadline: asyncio.TimerHandle

    @property
    def is_open(self) -> bool:
        if not self.opening.done():
            return True
        transport = None if self.opening.cancelled() else self.opening.result()
        return transport is not None and not transport.is_closing()

    def end(self) -> None:
        """Ends the connection at once, if it is still there."""
        self.deadline.cancel()
        if not self.opening.done():
            self.opening.cancel()
        elif not self.opening.cancelled() and (transport := self.opening.result()) is not None:
            transport.abort()


class Connections:
    """Accepts connections, and hands each to a protocol of its own behind TLS."""

    def __init__(self, protocol: Callable[[], asyncio.Protocol], tls: ssl.SSLContext, limits: ConnectionLimits) -> None:
        self._protocol = protocol
        self._tls = tls
        self._limits = limits
        self._listening: list[socket.socket] = []
        self._strangers: dict[Address, _Stranger] = {}  # the oldest first
        self._by_address: dict[str, dict[Address, _Stranger]] = {}  # likewise
        self._loop = asyncio.get_running_loop()
        most = descriptors.limit()
        self._most_strangers = min(limits.strangers, most // 4)
        # The kernel gives the lowest free number: from this one on, all but the operator's own share are taken.
        self._last_descriptor = most - min(descriptors.OWN, most // 4)

    async def listen(self, host: str, port: int) -> int:
        """Listens at all addresses of a host, and returns the port. Raises OSError."""
        infos = await self._loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, where in dict.fromkeys(infos):
            listener = socket.socket(family, kind, protocol)
            self._listening.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.setblocking(False)
            listener.bind((where[0], port, *where[2:]))
            listener.listen(_BACKLOG)
            port = int(listener.getsockname()[1])
            self._loop.add_reader(listener, self._accept, listener)
        return port

    def close(self) -> None:
        """Accepts nobody any more, and ends the strangers' connections."""
        for listener in self._listening:
            self._loop.remove_reader(listener)
            listener.close()
        self._listening.clear()
        for peer in list(self._strangers):
            self._end(peer)

    def identify(self, transport: asyncio.BaseTransport | None) -> None:
        """A good token has come on this connection: its peer is no stranger."""
        peer = transport.get_extra_info("peername") if transport else None
        if peer and (stranger := self._forget((peer[0], peer[1]))):
            stranger.deadline.cancel()

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            try:
                peer, address = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    log.warning("a connection could not be accepted: %s", error.strerror)
                elif not self._end_oldest():
                    self._pause(listener)
                return
            self._welcome(peer, (address[0], address[1]))

    def _pause(self, listener: socket.socket) -> None:
        self._loop.remove_reader(listener)
        self._loop.call_later(_PAUSE_SECONDS, self._resume, listener)

    def _resume(self, listener: socket.socket) -> None:
        if listener in self._listening:
            self._loop.add_reader(listener, self._accept, listener)

    def _welcome(self, peer: socket.socket, address: Address) -> None:
        if not self._make_way(peer.fileno(), address[0]):
            peer.close()
            return
        peer.setblocking(False)
        opening = self._loop.create_task(self._open(peer), name=f"TLS handshake with {address[0]}")
        deadline = self._loop.call_later(self._limits.identify_seconds, self._end, address)
        stranger = _Stranger(self._loop.time(), opening, deadline)
        self._forget(address)  # of a connection that is over, from the same port
        self._strangers[address] = self._by_address.setdefault(address[0], {})[address] = stranger

    def _make_way(self, descriptor: int, host: str) -> bool:
        """Ends strangers that are too many; False where there is no room for another one."""
        of_host = self._by_address.get(host, {})
        if len(of_host) >= self._limits.strangers_per_address and not self._is_trusted(host):
            self._end_old(of_host)
        while len(self._strangers) >= self._most_strangers:
            self._end_oldest()
        return descriptor < self._last_descriptor or self._end_oldest()

    def _end_old(self, of_host: dict[Address, _Stranger]) -> None:
        """Leaves less strangers of an address than it may have, those aside that are new."""
        newest = self._loop.time() - self._limits.grace_seconds
        for peer, stranger in list(of_host.items()):
            if len(of_host) < self._limits.strangers_per_address:
                return
            if stranger.since <= newest or not stranger.is_open:
                self._end(peer)

    def _end_oldest(self) -> bool:
        """Ends the oldest connection of a stranger; False where there is none."""
        for peer, stranger in list(self._strangers.items()):
            was_open = stranger.is_open
            self._end(peer)
            if was_open:
                return True
        return False

    def _end(self, peer: Address) -> None:
        if stranger := self._forget(peer):
            stranger.end()

    def _forget(self, peer: Address) -> _Stranger | None:
        stranger = self._strangers.pop(peer, None)
        if stranger is not None:
            of_host = self._by_address[peer[0]]
            del of_host[peer]
            if not of_host:
                del self._by_address[peer[0]]
        return stranger

    def _is_trusted(self, host: str) -> bool:
        address = ip_address(host.partition("%")[0])
        return any(address in network for network in self._limits.trusted_proxies)

    async def _open(self, peer: socket.socket) -> asyncio.Transport | None:
        with suppress(OSError):  # it went away, speaks no TLS, or was too slow: nobody is there to be told
            transport, _ = await self._loop.connect_accepted_socket(
                self._protocol, peer, ssl=self._tls, ssl_handshake_timeout=self._limits.handshake_seconds
            )
            return transport
        return None
