"""A way to the Kubernetes API that asks a few things at a time."""

import asyncio
from collections.abc import Mapping

from jumplab_operator.kube.client import KubeApi, Plain

_AT_ONCE = 16
"""More at once get no sooner through an API server; they only make each other late, until all are given up."""


class ConcurrencyLimit(KubeApi):
    """The API behind `inner`: a few requests at a time, in the order in which they were asked for.

    A thousand exporters that connect at once wait here, where waiting is cheap: no request is sent that is too old by
    the time it is answered. Each instance is a queue of its own: requests that must not wait for others have another.
    """

    def __init__(self, inner: KubeApi) -> None:
        self._inner = inner
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def request(
        self, method: str, path: str, body: Mapping[str, object] | None = None, content_type: str = "application/json"
    ) -> Plain:
        async with self._turn:
            return await self._inner.request(method, path, body, content_type)
