"""A channel whose trusted CAs may be replaced while it is in use."""

from collections.abc import Callable
from typing import Any

from jumplab.protocol.grpc_loading import aio, grpc


class RenewedChannel(aio.Channel):
    """Each call goes by a channel that trusts the CAs of the moment at which it begins.

    open_for: a channel for certificates, as PEM.  ca_now: those of now. Open calls stay on the channel on which they
    were begun, to the end of this one.
    """

    def __init__(self, open_for: Callable[[bytes | None], aio.Channel], ca_now: Callable[[], bytes | None]) -> None:
        self._open_for = open_for
        self._ca_now = ca_now
        self._ca = ca_now()
        self._channel = open_for(self._ca)
        self._former: list[aio.Channel] = []

    def _current(self) -> aio.Channel:
        ca = self._ca_now()
        if ca != self._ca:
            self._former.append(self._channel)
            self._ca, self._channel = ca, self._open_for(ca)
        return self._channel

    async def __aenter__(self) -> "RenewedChannel":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self, grace: float | None = None) -> None:
        for channel in (*self._former, self._channel):
            await channel.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return self._channel.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self._channel.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self._current().channel_ready()

    def unary_unary(self, method: str, *arguments: Any, **options: Any) -> Any:
        return lambda *given, **more: self._current().unary_unary(method, *arguments, **options)(*given, **more)

    def unary_stream(self, method: str, *arguments: Any, **options: Any) -> Any:
        return lambda *given, **more: self._current().unary_stream(method, *arguments, **options)(*given, **more)

    def stream_unary(self, method: str, *arguments: Any, **options: Any) -> Any:
        return lambda *given, **more: self._current().stream_unary(method, *arguments, **options)(*given, **more)

    def stream_stream(self, method: str, *arguments: Any, **options: Any) -> Any:
        return lambda *given, **more: self._current().stream_stream(method, *arguments, **options)(*given, **more)
