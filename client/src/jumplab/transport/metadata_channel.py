"""A channel whose every call carries the metadata of its caller.

Not gRPC's call credentials: they call Python from gRPC's own threads, where a server that stops in the same process and
they wait for each other for ever (grpcio 1.85). Not an interceptor: it stands in the way of every message of a stream.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from jumplab.protocol.grpc_loading import aio, grpc

_log = logging.getLogger(__name__)

Metadata = tuple[tuple[str, str], ...]


class MetadataChannel(aio.Channel):
    """The channel given, with what `metadata` answers added to each call."""

    def __init__(self, channel: aio.Channel, metadata: Callable[[], Metadata]) -> None:
        self._channel = channel
        self._metadata = metadata

    async def __aenter__(self) -> "MetadataChannel":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self, grace: float | None = None) -> None:
        await self._channel.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return self._channel.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self._channel.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self._channel.channel_ready()

    def unary_unary(self, method: str, *arguments: Any, **options: Any) -> Any:
        return self._identified(method, self._channel.unary_unary(method, *arguments, **options))

    def unary_stream(self, method: str, *arguments: Any, **options: Any) -> Any:
        return self._identified(method, self._channel.unary_stream(method, *arguments, **options))

    def stream_unary(self, method: str, *arguments: Any, **options: Any) -> Any:
        return self._identified(method, self._channel.stream_unary(method, *arguments, **options))

    def stream_stream(self, method: str, *arguments: Any, **options: Any) -> Any:
        return self._identified(method, self._channel.stream_stream(method, *arguments, **options))

    def _identified(self, path: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, metadata: Metadata | None = None, **options: Any) -> Any:
            made = method(*arguments, metadata=(*self._metadata(), *(metadata or ())), **options)
            if _log.isEnabledFor(logging.DEBUG):
                begin = time.monotonic()
                made.add_done_callback(lambda _: _log.debug("%s took %.0f ms", path, (time.monotonic() - begin) * 1000))
            return made

        return call
