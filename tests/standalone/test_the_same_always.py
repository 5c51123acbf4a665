"""Whatever is asked, both servers answer the same: random sequences of requests, and what a watch tells of them."""

from __future__ import annotations

import itertools
import os
import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kube.client import CRDS, JSON_PATCH, MERGE, Answer, KubeClient
from tests.kube.servers import RealKubeApi, StandaloneApi
from tests.kube.waiting import eventually
from tests.standalone import widgets
from tests.standalone.widgets import GROUP

EXAMPLES = int(os.environ.get("JUMPLAB_EXAMPLES", "10"))
_OF_THE_MOMENT = ("uid", "resourceVersion", "creationTimestamp", "managedFields", "selfLink", "namespace")
_TOLD_ONCE = ("deletionTimestamp",)
Request = tuple[str, str, str, Any]

NAMES = st.sampled_from(["a", "b"])
PLURALS = st.sampled_from(["widgets", "configmaps"])
LABELS = st.sampled_from([{}, {"board": "x"}, {"board": "y"}, {"board": "not a label!"}])
FINALIZERS = st.sampled_from([[], [], [], ["example.com/hold"]])
SPECS = st.sampled_from(
    [{"size": 3}, {"size": 4, "code": "abc"}, {"size": 99}, {"size": "3"}, {}, {"size": 1, "unknown": True},
     {"size": 2, "parts": [{"name": "p"}]}, {"size": 2, "tags": ["a", "b", "c"]}]
)  # fmt: skip
DATA = st.sampled_from([{}, {"k": "v"}, {"k": "w", "l": "x"}, {"k": None}])
OPTIONS = st.sampled_from(
    [None, None, {"dryRun": ["All"]}, {"dryRun": ["Some"]}, {"propagationPolicy": "Background"}, {"dryRun": []},
     {"preconditions": {"uid": "another"}}, {"gracePeriodSeconds": 5, "kind": "DeleteOptions", "apiVersion": "v1"}]
)  # fmt: skip
VERSIONS = st.sampled_from(["current", "none", "stale"])
MERGES = st.builds(
    lambda labels, spec, data: {"metadata": {"labels": labels}, "spec": spec, "data": data}, LABELS, SPECS, DATA
)
HOLDS = st.sampled_from([{"metadata": {"finalizers": each}} for each in (None, ["example.com/hold"])])
JSON_PATCHES = st.sampled_from(
    [
        [{"op": "replace", "path": "/spec/size", "value": 5}],
        [{"op": "add", "path": "/metadata/labels", "value": {"board": "x"}}],
        [{"op": "remove", "path": "/metadata/labels/board"}],
        [{"op": "add", "path": "/data", "value": {"j": "1"}}],
    ]
)
REQUESTS: st.SearchStrategy[Request] = st.one_of(
    st.tuples(
        st.just("create"), PLURALS, NAMES,
        st.builds(lambda *content: content, LABELS, FINALIZERS, SPECS, DATA, st.booleans()),
    ),
    st.tuples(st.just("update"), PLURALS, NAMES, st.builds(lambda *c: c, LABELS, SPECS, DATA, VERSIONS)),
    st.tuples(st.just("merge"), PLURALS, NAMES, st.one_of(MERGES, HOLDS)),
    st.tuples(st.just("json"), PLURALS, NAMES, JSON_PATCHES),
    st.tuples(st.just("status"), st.just("widgets"), NAMES, st.sampled_from([{"phase": "x"}, {"phase": 3}, {}])),
    st.tuples(st.just("delete"), PLURALS, NAMES, st.tuples(st.sampled_from(["", "?dryRun=All"]), OPTIONS)),
    st.tuples(
        st.just("clear"), PLURALS, st.just(""), st.tuples(st.sampled_from(["", "?labelSelector=board%3Dx"]), OPTIONS)
    ),
    st.tuples(st.just("get"), PLURALS, NAMES, st.just("")),
    st.tuples(st.just("list"), PLURALS, st.just(""), st.sampled_from(["", "?labelSelector=board%3Dx", "?limit=1"])),
)  # fmt: skip


class Side:
    """One server, in a namespace of the example's own."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client
        self._namespace = ""

    def begin(self, namespace: str) -> None:
        self._namespace = namespace
        self._client.create("/api/v1/namespaces", {"metadata": {"name": namespace}}).ok()
        self._since = {plural: self._client.get(self._path(plural)).version for plural in ("widgets", "configmaps")}

    def answer(self, request: Request) -> tuple[int, Any]:
        said = self._send(*request)
        return said.code, plain(said.body, self._namespace)

    def told(self, plural: str) -> list[tuple[str, Any]]:
        """What a watch of the whole example tells."""
        last: dict[str, Any] = {"metadata": {"name": "last"}, "spec": {"size": 1}}
        self._client.create(self._path(plural), typed(plural, last)).ok()
        query = f"watch=true&resourceVersion={self._since[plural]}"
        with self._client.watch(f"{self._path(plural)}?{query}") as events:
            seen = itertools.takewhile(lambda event: event["object"]["metadata"]["name"] != "last", events)
            return [(event["type"], plain(event["object"], self._namespace)) for event in seen]

    def end(self) -> None:
        for plural in ("widgets", "configmaps"):
            for item in self._client.get(self._path(plural)).ok()["items"]:
                path = f"{self._path(plural)}/{item['metadata']['name']}"
                self._client.patch(path, {"metadata": {"finalizers": None}})
        self._client.delete(f"/api/v1/namespaces/{self._namespace}")

    def _path(self, plural: str, name: str = "") -> str:
        group = "/api/v1" if plural == "configmaps" else f"/apis/{GROUP}/v1"
        return f"{group}/namespaces/{self._namespace}/{plural}" + (f"/{name}" if name else "")

    def _send(self, verb: str, plural: str, name: str, what: Any) -> Answer:
        path = self._path(plural, name)
        match verb:
            case "create":
                labels, finalizers, spec, data, dry = what
                metadata = {"name": name, "labels": labels, "finalizers": finalizers}
                sent = typed(plural, {"metadata": metadata, "spec": spec, "data": data})
                return self._client.create(self._path(plural) + ("?dryRun=All" if dry else ""), sent)
            case "update":
                labels, spec, data, version = what
                metadata = {"name": name, "labels": labels, **self._version(path, version)}
                return self._client.update(path, typed(plural, {"metadata": metadata, "spec": spec, "data": data}))
            case "merge" | "json":
                return self._client.patch(path, what, MERGE if verb == "merge" else JSON_PATCH)
            case "status":
                return self._client.patch(f"{path}/status", {"status": what})
            case "delete" | "clear":
                query, options = what
                return self._client.delete(path + query, options)
        return self._client.get(path + what)

    def _version(self, path: str, version: str) -> dict[str, str]:
        if version == "none":
            return {}
        found = self._client.get(path)
        return {"resourceVersion": found.version if version == "current" and found.code == 200 else "1"}


def typed(plural: str, obj: dict[str, Any]) -> dict[str, Any]:
    """The object with its kind, and with what that kind has."""
    if plural == "configmaps":
        kept = {key: value for key, value in obj.items() if key != "spec"}
        return {"apiVersion": "v1", "kind": "ConfigMap", **kept}
    return {"apiVersion": f"{GROUP}/v1", "kind": "Widget", **{k: v for k, v in obj.items() if k != "data"}}


def plain(value: Any, namespace: str) -> Any:
    """Without what is of the moment and of the server."""
    if isinstance(value, dict):
        kept = {key: plain(each, namespace) for key, each in value.items() if key not in _OF_THE_MOMENT}
        kept.update({key: "then" for key in _TOLD_ONCE if key in kept})
        if "items" in kept:  # kube-apiserver leaves out the kind of what a built-in list holds
            kept["items"] = [
                {k: v for k, v in each.items() if k not in ("apiVersion", "kind")} for each in kept["items"]
            ]
        if "causes" in kept:  # kube-apiserver repeats those of an update
            kept["causes"] = [each for i, each in enumerate(kept["causes"]) if each not in kept["causes"][:i]]
        if kept.pop("continue", ""):
            kept["continue"] = "later"
        return {key: each for key, each in kept.items() if each not in ({}, [])}
    if isinstance(value, list):
        return [plain(each, namespace) for each in value]
    if isinstance(value, str):  # which operation of a JSON patch was rejected we alone say
        value = re.sub("(due to an error in our request): .*", r"\1", value.replace(namespace, "NAMESPACE"))
        return re.sub("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UID", value)
    return value


@pytest.fixture(scope="module")
def sides(standalone_api: StandaloneApi, real_kube_api: RealKubeApi) -> Iterator[tuple[Side, Side]]:
    clients = [KubeClient(api.url, api.ca, api.token) for api in (standalone_api, real_kube_api)]
    for each in clients:
        each.create(CRDS, widgets.crd())
        eventually(lambda each=each: each.get(f"/apis/{GROUP}/v1/widgets").code == 200, "widgets are served")  # type: ignore[misc]
    yield Side(clients[0]), Side(clients[1])
    for each in clients:
        each.close()


@settings(max_examples=EXAMPLES)
@given(requests=st.lists(REQUESTS, min_size=4, max_size=14))
def test_both_servers_answer_the_same(sides: tuple[Side, Side], requests: list[Request]) -> None:
    namespace = f"same-{uuid.uuid4().hex[:8]}"
    for side in sides:
        side.begin(namespace)
    try:
        for request in requests:
            ours, theirs = (side.answer(request) for side in sides)
            assert ours == theirs, request
        for plural in ("widgets", "configmaps"):
            ours_told, theirs_told = (side.told(plural) for side in sides)
            assert ours_told == theirs_told
    finally:
        for side in sides:
            side.end()
