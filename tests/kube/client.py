"""A small client for tests: what goes over the wire is what the test says."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import urllib3

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
_SILENCE_SECONDS = 300
"""A watch may have nothing to tell for so long: its end is the server's to say."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The status code and the decoded body."""

    code: int
    body: Any

    @property
    def message(self) -> str:
        return str(self.body["message"])

    @property
    def version(self) -> str:
        return str(self.body["metadata"]["resourceVersion"])

    def ok(self) -> Any:
        """The body of an answer that is no refusal."""
        assert self.code < 300, self.body
        return self.body


class KubeClient:
    """Requests to one API server, with its token."""

    def __init__(self, url: str, ca: Path, token: str) -> None:
        self.url = url
        self._headers = {"Authorization": f"Bearer {token}"}
        self._pool = urllib3.PoolManager(ca_certs=str(ca), retries=False, timeout=240)

    def close(self) -> None:
        self._pool.clear()

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        media_type: str = "application/json",
        accept: str = "",
        more: Mapping[str, str] = MappingProxyType({}),
    ) -> Answer:
        headers = {**self._headers, "Content-Type": media_type, "Accept": accept or "application/json", **more}
        raw = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        answer = self._pool.request(method, self.url + path, body=raw, headers=headers)
        kind = answer.headers.get("Content-Type", "")
        return Answer(answer.status, json.loads(answer.data) if kind.startswith("application/json") else answer.data)

    def get(self, path: str, accept: str = "") -> Answer:
        return self.request("GET", path, accept=accept)

    def create(self, path: str, body: Any) -> Answer:
        return self.request("POST", path, body)

    def update(self, path: str, body: Any) -> Answer:
        return self.request("PUT", path, body)

    def patch(self, path: str, body: Any, media_type: str = MERGE) -> Answer:
        return self.request("PATCH", path, body, media_type=media_type)

    def delete(self, path: str, options: Any = None) -> Answer:
        return self.request("DELETE", path, options)

    @contextlib.contextmanager
    def watch(self, path: str, accept: str = "application/json") -> Iterator[Iterator[Any]]:
        """The events of a watch, as they come; the iterator ends with the server's answer."""
        headers = {**self._headers, "Accept": accept}
        answer = self._pool.request(
            "GET", self.url + path, headers=headers, preload_content=False, timeout=_SILENCE_SECONDS
        )
        assert answer.status == 200, answer.read()
        try:
            yield _lines(answer)
        finally:
            answer.close()


def _lines(answer: urllib3.BaseHTTPResponse) -> Iterator[Any]:
    rest = b""
    for chunk in answer.stream(None, decode_content=True):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (json.loads(line) for line in lines if line)
