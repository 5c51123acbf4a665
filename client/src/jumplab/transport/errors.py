"""The errors between the two ends of a wire, by what the caller can do.

TransportError
├── Unreachable              nothing answers: try again later, or check the address
│   └── CertificateRejected  something answers that isn't trusted: fix the configuration
└── Refused                  the other end answered no; `code` names the gRPC status, the message is its sentence
    ├── NotAuthenticated     it doesn't know the caller: get a new token
    ├── NotAllowed           it knows the caller, who may not do this
    ├── NotFound             what was named isn't there
    ├── NotPossibleNow       the state of the thing forbids it (a lease that has ended or isn't ready)
    └── BadRequest           what was asked makes no sense
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from jumplab.errors import JumplabError
from jumplab.transport.proxies import host_of, proxy_for

if TYPE_CHECKING:
    from grpc import aio

    from jumplab.transport.endpoint import Endpoint


class TransportError(JumplabError):
    """The root. The message is a sentence for a person; `code` is the gRPC status' name, e.g. UNAVAILABLE."""

    def __init__(self, message: str, *, code: str = "UNAVAILABLE") -> None:
        super().__init__(message)
        self.code = code


class Unreachable(TransportError):
    """Nothing answers at the address, or the connection was lost. Trying again may help."""


class CertificateRejected(Unreachable):
    """The server's certificate isn't trusted or isn't for this address. Trying again won't help."""


class Refused(TransportError):
    """The other end answered, and refused."""


class NotAuthenticated(Refused):
    """The token isn't valid (any more)."""


class NotAllowed(Refused):
    """The caller may not do this."""


class NotFound(Refused):
    """The named thing does not exist."""


class NotPossibleNow(Refused):
    """The state of the thing forbids it."""


class BadRequest(Refused):
    """The request makes no sense."""

    exit_status = 2


_BY_CODE: dict[str, type[Refused]] = {
    "UNAUTHENTICATED": NotAuthenticated,
    "PERMISSION_DENIED": NotAllowed,
    "NOT_FOUND": NotFound,
    "FAILED_PRECONDITION": NotPossibleNow,
    "INVALID_ARGUMENT": BadRequest,
}

# gRPC distinguishes these from a server that is away by its message alone.
_WRONG_NAME = ("Hostname Verification Check failed", "is not in peer certificate")
_NOT_YET = "certificate is not yet valid"
_OUT_OF_DATE = (_NOT_YET, "certificate has expired")
_UNTRUSTED = ("CERTIFICATE_VERIFY_FAILED", "BAD_SIGNATURE", "certificate signature failure")
_NOT_TLS = ("WRONG_VERSION_NUMBER",)
_NO_SUCH_HOST = ("Domain name not found", "DNS resolution failed", "address lookup failed")
_CONNECTING = ("failed to connect to all addresses", "errors resolving", "DNS resolution failed")
_NO_CONNECTION = (*_NO_SUCH_HOST, *_CONNECTING)
_LOST = ("Socket closed", "Connection reset", "Broken pipe", "keepalive", "ping timeout", "GOAWAY", "recvmsg:")


def explained(error: aio.AioRpcError, endpoint: Endpoint) -> TransportError:
    """The error of a call to `endpoint`, by meaning. To be raised `from` the one given."""
    code, details = error.code().name, error.details() or ""
    address = endpoint.address
    if code != "UNAVAILABLE":
        return _BY_CODE.get(code, Refused)(details or f"{address} refused with {code} and no reason", code=code)
    if _has(details, _WRONG_NAME):
        return CertificateRejected(
            f'the certificate of {address} is for another name; use a name it was made for, or check "endpoint"'
        )
    if is_out_of_date(details):
        return CertificateRejected(out_of_date(address, details))
    if _has(details, _UNTRUSTED):
        return CertificateRejected(f'the certificate of {address} is not signed by a trusted CA; check "tls.ca"')
    if _has(details, _NOT_TLS):
        return CertificateRejected(f'what answers at {address} does not speak TLS; check the port in "endpoint"')
    if (proxy := proxy_for(address)) is not None and _has(details, _NO_CONNECTION):
        return Unreachable(
            f"{address} can't be reached through the proxy {proxy.url} that {proxy.variable} names; check the proxy, "
            f"or set no_proxy={host_of(address)} to go without"
        )
    if _has(details, _NO_SUCH_HOST):
        return Unreachable(f'the host of {address} is not known; check "endpoint" and the network')
    if _has(details, _CONNECTING):
        return Unreachable(f'nothing answers at {address}; check that it runs, and "endpoint"')
    if not details or _has(details, _LOST):
        return Unreachable(f"the connection to {address} was lost; it may be back soon")
    return Unreachable(details)


def out_of_date(address: str, reason: str) -> str:
    """Why a certificate isn't valid now, as a sentence; the clock of either machine may be wrong."""
    clock = f"the clock of this machine, which says {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    if _NOT_YET in reason:
        return f"the certificate of {address} is not valid yet; check {clock}"
    return f"the certificate of {address} has expired; renew it, or check {clock}"


def is_out_of_date(reason: str) -> bool:
    """Whether a certificate was refused for its dates."""
    return _has(reason, _OUT_OF_DATE)


def _has(details: str, marks: tuple[str, ...]) -> bool:
    return any(mark in details for mark in marks)
