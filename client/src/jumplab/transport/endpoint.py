"""The address of the other end of the wire, its trusted certificates, and the identity of the caller."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

_LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Tls:
    """The certificates that are trusted.

    ca_pem: PEM certificates to trust instead of the system's;  insecure: take the certificate that the server shows,
    whatever it is (anyone on the way can read along);  ca_now: the same as `ca_pem`, where they may be replaced while a
    channel is in use.
    """

    ca_pem: bytes | None = None
    insecure: bool = False
    ca_now: Callable[[], bytes | None] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A gRPC server. address: `host:port`."""

    address: str
    tls: Tls = field(default_factory=Tls)


@dataclass(frozen=True, slots=True)
class Identity:
    """The resource on whose behalf calls are made. kind: `Client` or `Exporter`."""

    namespace: str
    kind: str
    name: str
    token: str = field(repr=False)

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """The metadata of a call with this identity."""
        return (
            *bearer(self.token),
            ("jumpstarter-namespace", self.namespace),
            ("jumpstarter-kind", self.kind),
            ("jumpstarter-name", self.name),
        )


def check_address(text: str) -> str:
    """The address itself. Raises ValueError where it is not of the form `host:port`."""
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdecimal()) or int(port) > 65535 or re.search(r"[\s/]", host):
        shown = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
        raise ValueError(f'"{shown}" is not of the form HOST:PORT')
    return text


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    """The metadata of a call that presents a token alone."""
    return (("authorization", f"Bearer {token}"),)
