"""The addresses and credentials that an attacker has."""

import json
import ssl
from dataclasses import asdict, dataclass
from ipaddress import ip_address
from typing import Self

from jumplab.transport.endpoint import Endpoint, Identity, Tls

NAMESPACE = "default"
CLIENT = "mallory"
EXPORTER = "rogue"


class NotLoopback(Exception):
    """An address that is not attacked."""


@dataclass(frozen=True, slots=True)
class Target:
    """grpc: `host:port` of controller and router.  api: `host:port` of the standalone Kubernetes API; empty: there is
    none.  health: `host:port` of the probes, or empty.  client_token, exporter_token: the attacker's own.  lease: one
    that the attacker holds.
    """

    grpc: str
    api: str
    health: str
    ca_pem: str
    client_token: str
    exporter_token: str
    lease: str

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Raises NotLoopback."""
        target = cls(**json.loads(text))
        for address in filter(None, (target.grpc, target.api, target.health)):
            host, _ = host_and_port(address)
            if not ip_address(host).is_loopback:
                raise NotLoopback(f"{host} is not an address of this machine alone; nothing else is attacked")
        return target

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(self.grpc, Tls(ca_pem=self.ca_pem.encode()))

    @property
    def client(self) -> Identity:
        return Identity(NAMESPACE, "Client", CLIENT, self.client_token)

    @property
    def exporter(self) -> Identity:
        return Identity(NAMESPACE, "Exporter", EXPORTER, self.exporter_token)

    def tls(self, *protocols: str) -> ssl.SSLContext:
        """What trusts the lab's certificates.  protocols: offered by ALPN."""
        context = ssl.create_default_context(cadata=self.ca_pem)
        if protocols:
            context.set_alpn_protocols(list(protocols))
        return context


def host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)
