"""Sockets at an address that may come later: of a network adapter that is plugged in, or of a link that comes up."""

import errno
import socket

_FREE_BIND = {socket.AF_INET: (socket.IPPROTO_IP, 15), socket.AF_INET6: (socket.IPPROTO_IPV6, 78)}
"""IP_FREEBIND and IPV6_FREEBIND (ip(7), linux/in6.h), which Python has no names for."""


def is_here(host: str) -> bool:
    """Whether this machine has the address now."""
    with socket.socket(_family_of(host), socket.SOCK_DGRAM) as trying:
        try:
            trying.bind((host, 0))
        except OSError as error:
            return error.errno != errno.EADDRNOTAVAIL
    return True


def bound(host: str, port: int, kind: socket.SocketKind) -> socket.socket:
    """A socket at the address, also while this machine does not have it. Raises OSError."""
    family = _family_of(host)
    made = socket.socket(family, kind)
    try:
        made.setblocking(False)
        made.setsockopt(*_FREE_BIND[family], 1)
        if kind is socket.SOCK_STREAM:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
    except OSError:
        made.close()
        raise
    return made


def _family_of(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
