"""How an exporter reaches its controller and the routers."""

import uuid
from dataclasses import dataclass, replace

from jumplab.boottime import boottime
from jumplab.transport.endpoint import Endpoint, Identity
from jumplab_exporter.config import ExporterConfig
from jumplab_exporter.controller import Controller
from jumplab_exporter.local_socket import LocalSocket


@dataclass(frozen=True, slots=True)
class Wire:
    """How this exporter reaches the controller and the routers."""

    endpoint: Endpoint
    identity: Identity
    epoch: str
    short_path: LocalSocket

    @classmethod
    def of(cls, config: ExporterConfig, short_path: LocalSocket) -> "Wire":
        return cls(*_identified(config), uuid.uuid4().hex, short_path)

    def with_credential(self, config: ExporterConfig) -> "Wire":
        """The same with the token and the CA of a configuration that was read again."""
        endpoint, identity = _identified(config)
        return replace(self, endpoint=replace(self.endpoint, tls=endpoint.tls), identity=identity)

    def connect(self) -> Controller:
        return Controller(self.endpoint, self.identity, epoch=self.epoch, short_path=self.short_path, clock=boottime)


def _identified(config: ExporterConfig) -> tuple[Endpoint, Identity]:
    identity = Identity(config.metadata.namespace, "Exporter", config.metadata.name, config.token)
    return Endpoint(config.endpoint, config.tls.trust()), identity
