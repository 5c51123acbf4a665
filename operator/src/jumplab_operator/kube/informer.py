"""Fills the object store: lists at the start, after every gap in a watch and from time to time; events in between."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from jumplab_operator.clock import Clock
from jumplab_operator.errors import ApiError, ApiRefused, ApiUnreachable
from jumplab_operator.kube.client import CUSTOM, KubeApi, path
from jumplab_operator.kube.object_store import KINDS, ObjectStore
from jumplab_operator.resources import Resource

_log = logging.getLogger(__name__)

_PAUSE = timedelta(seconds=1)


class Informer:
    """Brings one object store in line with the API."""

    def __init__(
        self, kube: KubeApi, objects: ObjectStore, namespaces: Sequence[str], relist_every: timedelta, clock: Clock
    ) -> None:
        """namespaces: those to list, empty: all;  relist_every: how often to list without a gap."""
        self._kube = kube
        self._objects = objects
        self._namespaces = namespaces
        self._relist_every = relist_every
        self._clock = clock
        self._gap = asyncio.Event()

    def on_event(self, kind: type[Resource], change: str | None, plain: Mapping[str, Any]) -> None:
        """Takes an event of a watch over. A listed object (change None) means that there may have been a gap."""
        if change == "DELETED":
            self._objects.drop(str(plain["metadata"]["uid"]))
            return
        if change is None:
            self._gap.set()
        self._objects.put(kind, plain)

    async def list_all(self) -> None:
        """One list of each kind; what isn't in it any more is dropped. Raises ApiError."""
        for kind in KINDS:
            known = self._objects.uids(kind)
            listed = []
            for namespace in self._namespaces or (None,):
                listed += await self._kube.list(path(CUSTOM, kind.PLURAL, namespace))
            self._objects.replace(kind, listed, known)

    async def list_first(self) -> None:
        """The first lists; waits for an API server that isn't there yet. Raises ApiError without the CRDs."""
        while True:
            try:
                await self.list_all()
            except ApiUnreachable as away:
                _log.warning("%s; trying again", away)
                await self._clock.sleep(_PAUSE)
            except ApiError as refused:
                if refused.status != 404:
                    raise
                raise ApiRefused(
                    404, "the custom resources aren't installed; apply the manifests in crds/"
                ) from refused
            else:
                return

    async def keep_listing(self) -> None:
        """Lists after every gap and from time to time, for ever."""
        while True:
            await self._clock.wait(self._gap, self._relist_every)
            await self._clock.sleep(_PAUSE)  # the objects that a watch lists come in one burst
            self._gap.clear()
            try:
                await self.list_all()
            except ApiError as refused:
                _log.warning("listing failed: %s; trying again", refused)
                self._gap.set()
