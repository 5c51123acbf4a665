"""Decides from which addresses the exporter fetches images: public ones, and those that a setting names. Pure.

Whoever leases a board names the URL, and may read what comes from it. What the lab's own networks answer is not theirs.
"""

from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from pydantic import IPvAnyNetwork

Address = IPv4Address | IPv6Address

_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052
_METADATA = frozenset(
    ip_address(text) for text in ("169.254.169.254", "fd00:ec2::254", "168.63.129.16", "100.100.100.200", "192.0.0.192")
)
"""Where clouds tell their machines' credentials: AWS and most others, Azure, Alibaba, Oracle."""


def refuse_address(text: str, allowed: Collection[IPvAnyNetwork]) -> None:
    """Raises ValueError, whose sentence goes on from the host's name, where nothing is fetched from this address.

    text: the address as a socket has it.  allowed: networks that are no public ones, and yet to be fetched from.
    """
    address = _inner(ip_address(text))
    if kind := _never_fetched_from(address):
        raise ValueError(f"has the address {text}, {kind}; nothing is fetched from there")
    if any(address in network for network in allowed if network.version == address.version):
        return
    if not address.is_global or address.is_reserved:
        kind = "the exporter's own host" if address.is_loopback else "which is not a public one"
        raise ValueError(
            f"has the address {text}, {kind}; the exporter fetches from there only if `fetch_from` of this storage "
            "names its network"
        )


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, where it does."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _never_fetched_from(address: Address) -> str:
    """What an address is that no setting allows; "" for others."""
    if address in _METADATA:
        return "which is a cloud's metadata service"
    if address.is_link_local:
        return "which is link-local"
    if address.is_multicast or address.is_unspecified:
        return "which is no address of a host"
    return ""
