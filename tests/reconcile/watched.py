"""An API server whose requests a test counts and refuses."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from kubernetes.aio.client import ApiClient

from jumplab_operator.errors import ApiRefused
from jumplab_operator.kube.client import KubeApi
from tests.reconcile.world import WAIT_SECONDS, Plain


class Watched(KubeApi):
    """The API, whose requests are counted, and refused where `refuses` says how."""

    def __init__(self, inner: KubeApi) -> None:
        super().__init__(ApiClient(), "")
        self._inner = inner
        self._asked = asyncio.Condition()
        self.refuses: Callable[[str, str], ApiRefused | None] = lambda method, path: None
        self.reads: Counter[str] = Counter()
        self.writes: list[str] = []

    async def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, content_type: str = "application/json"
    ) -> Plain:
        async with self._asked:
            self._asked.notify_all()
            if method == "GET":
                self.reads[path] += 1
            else:
                self.writes.append(f"{method} {path} {body}")
        if (refused := self.refuses(method, path)) is not None:
            raise refused
        try:
            return await self._inner.request(method, path, body, content_type)
        except ApiRefused:  # of a version that is not the newest any more: nothing was written
            if method != "GET":
                self.writes.remove(f"{method} {path} {body}")
            raise

    async def until_read(self, path: str, times: int) -> None:
        """Returns once the path has been asked for so many times more."""
        wanted = self.reads[path] + times
        async with asyncio.timeout(WAIT_SECONDS), self._asked:
            await self._asked.wait_for(lambda: self.reads[path] >= wanted)
