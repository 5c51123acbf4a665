"""What an operator is refused, told as it happens: by its own requests, and by kopf's."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from jumplab_operator.errors import ApiError
from jumplab_operator.kube.access import KubeAccess
from jumplab_operator.kube.client import KubeApi, connected
from tests.kube.client import KubeClient

BOUND_SECONDS = 240


class Refusals(logging.Handler):
    """Collects the API server's sentences that begin with what can't be done."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._loop = asyncio.get_running_loop()
        self._came = asyncio.Event()
        self.sentences: list[str] = []

    def note(self, sentence: str) -> None:
        if "jumpstarter.dev" in sentence or 'API group ""' in sentence:
            self.sentences.append(sentence)
            self._came.set()

    def emit(self, record: logging.LogRecord) -> None:
        """A line of kopf's log, from its thread."""
        text = record.getMessage() + (str(record.exc_info[1]) if record.exc_info else "")
        if "cannot" in text and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.note, text)

    async def until(self, part: str) -> None:
        """Returns once something was refused with these words."""
        async with asyncio.timeout(BOUND_SECONDS):
            while not any(part in sentence for sentence in self.sentences):
                self._came.clear()
                await self._came.wait()

    @contextmanager
    def of_kopf(self) -> Iterator[None]:
        """Hears kopf's own requests."""
        logger = logging.getLogger("kopf")
        before = logger.level
        logger.setLevel(logging.DEBUG)
        logger.addHandler(self)
        try:
            yield
        finally:
            logger.removeHandler(self)
            logger.setLevel(before)


class Contended(KubeApi):
    """The operator's API, where somebody else always writes first once: each object's first status write is stale."""

    def __init__(self, inner: KubeApi, admin: KubeClient, refusals: Refusals) -> None:
        self._inner = inner
        self._admin = admin
        self._refusals = refusals
        self._touched: set[str] = set()

    async def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, content_type: str = "application/json"
    ) -> dict[str, Any]:
        if method == "PATCH" and path.endswith("/status") and path not in self._touched:
            self._touched.add(path)
            touch = {"metadata": {"annotations": {"touched": "before"}}}
            await asyncio.to_thread(self._admin.patch, path.removesuffix("/status"), touch)
        try:
            return await self._inner.request(method, path, body, content_type)
        except ApiError as refused:
            if refused.status == 403:
                self._refusals.note(str(refused))
            raise


@asynccontextmanager
async def contended(access: KubeAccess, admin: KubeClient, refusals: Refusals) -> AsyncIterator[KubeApi]:
    """The API behind `access`, contended for."""
    async with connected(access) as kube:
        yield Contended(kube, admin, refusals)
