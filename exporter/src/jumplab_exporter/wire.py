"""How an exporter reaches its controller and the routers."""

import uuid
from collections.abc import Callable
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
    def of(cls, read_again: Callable[[], ExporterConfig], short_path: LocalSocket) -> "Wire":
        """read_again: the configuration as its files are now. The CAs in it are looked at with each call."""
        config = read_again()
        endpoint = Endpoint(config.endpoint, config.tls.trust(lambda: read_again().tls))
        return cls(endpoint, _identity_in(config), uuid.uuid4().hex, short_path)

    def with_token(self, config: ExporterConfig) -> "Wire":
        """The same with the token of a configuration that was read again."""
        return replace(self, identity=_identity_in(config))

    def connect(self) -> Controller:
        return Controller(self.endpoint, self.identity, epoch=self.epoch, short_path=self.short_path, clock=boottime)


def _identity_in(config: ExporterConfig) -> Identity:
    return Identity(config.metadata.namespace, "Exporter", config.metadata.name, config.token)
