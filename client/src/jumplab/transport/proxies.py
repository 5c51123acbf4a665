"""Which proxy stands between this machine and a server, by the variables that gRPC reads.

Nothing on this machine is reached through a proxy, whatever the variables say.
"""

import ipaddress
import os
from collections.abc import Mapping
from typing import NamedTuple

_PROXY_VARIABLES = ("grpc_proxy", "https_proxy", "http_proxy")
_EXCEPTION_VARIABLES = ("no_grpc_proxy", "no_proxy")


class Proxy(NamedTuple):
    """A proxy that the environment names. variable: where it is named."""

    variable: str
    url: str


def host_of(address: str) -> str:
    """The host of `host:port`, without the brackets of an IPv6 address."""
    return address.rpartition(":")[0].strip("[]")


def is_loopback(host: str) -> bool:
    """Whether the host is this machine by its very name or address."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def proxy_for(address: str, environment: Mapping[str, str] = os.environ) -> Proxy | None:
    """The proxy that gRPC uses for `host:port`; None where it goes straight there."""
    host = host_of(address)
    if is_loopback(host) or _is_excepted(host, environment):
        return None
    return next((Proxy(name, environment[name]) for name in _PROXY_VARIABLES if environment.get(name)), None)


def _is_excepted(host: str, environment: Mapping[str, str]) -> bool:
    excepted = next((environment[name] for name in _EXCEPTION_VARIABLES if environment.get(name)), "")
    return any(host.endswith(part.strip()) for part in excepted.split(",") if part.strip())
