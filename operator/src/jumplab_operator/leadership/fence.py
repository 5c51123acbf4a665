"""A way to the Kubernetes API that writes for the operator that leads, and for no other."""

from collections.abc import Callable, Mapping

from jumplab_operator.errors import NotLeading
from jumplab_operator.kube.client import KubeApi, Plain


class Fenced(KubeApi):
    """The API behind `inner`, whose writes are refused with NotLeading while `leads` is false. Reads pass.

    A write sent before the lead was lost may still arrive; it carries the resource version that it rests on.
    """

    def __init__(self, inner: KubeApi, leads: Callable[[], bool]) -> None:
        self._inner = inner
        self._leads = leads

    async def request(
        self, method: str, path: str, body: Mapping[str, object] | None = None, content_type: str = "application/json"
    ) -> Plain:
        if method != "GET" and not self._leads():
            raise NotLeading
        return await self._inner.request(method, path, body, content_type)
