"""Bodies that no honest client sends: each is refused in a sentence, and none is stored."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kube.client import JSON_PATCH, Answer, KubeClient
from tests.standalone import widgets
from tests.standalone.conftest import CRDS
from tests.standalone.widgets import GROUP, widget

STRATEGIC = "application/strategic-merge-patch+json"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
NUMBERS = ["Infinity", "-Infinity", "NaN", "1e999", "-1e999", "1" + "0" * 400]
OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "u"}
Send = Callable[[KubeClient, str, str], Answer]


def _whole(value: str, **metadata: str) -> bytes:
    sent = {**widget(), "metadata": {"name": "a", **metadata}, "spec": {"size": 3, "open": {"v": "@"}}}
    return json.dumps(sent).replace('"@"', value).encode()


def _updated(client: KubeClient, path: str, value: str) -> Answer:
    version = client.get(f"{path}/a").version
    return client.update(f"{path}/a", _whole(value, resourceVersion=version))


SENT: dict[str, Send] = {
    "create": lambda client, path, value: client.create(path, _whole(value)),
    "update": _updated,
    "merge": lambda client, path, value: client.patch(f"{path}/a", b'{"spec": {"open": {"v": %s}}}' % value.encode()),
    "json": lambda client, path, value: client.patch(
        f"{path}/a", b'[{"op": "add", "path": "/spec/open", "value": {"v": %s}}]' % value.encode(), JSON_PATCH
    ),
    "status": lambda client, path, value: client.patch(f"{path}/a/status", b'{"status": %s}' % value.encode()),
    "delete": lambda client, path, value: client.delete(f"{path}/a", b'{"preconditions": %s}' % value.encode()),
    "clear": lambda client, path, value: client.delete(path, b'{"preconditions": %s}' % value.encode()),
}


def nested(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


@pytest.mark.parametrize("value", NUMBERS, ids=lambda value: value[:9])
@pytest.mark.parametrize("verb", SENT)
def test_a_number_that_json_has_not(client: KubeClient, path: str, verb: str, value: str) -> None:
    before = client.create(path, widget()).ok() if verb != "create" else None
    answer = SENT[verb](client, path, value)
    assert answer.code in (400, 422, 500)  # kube-apiserver 1.20 blames itself, or the object
    assert client.get(path).ok()["items"] == ([before] if before else [])


@pytest.mark.parametrize("value", [*NUMBERS, '"\\ud800"', '"\\udc00x"', '{"\\uD800": 1}', nested(101), "[" * 100_000])
@pytest.mark.parametrize("verb", SENT)
def test_what_we_refuse_we_say(ours: KubeClient, own_path: str, verb: str, value: str) -> None:
    before = ours.create(own_path, widget()).ok() if verb != "create" else None
    answer = SENT[verb](ours, own_path, value)
    assert (answer.code, answer.body["reason"]) == (400, "BadRequest")
    assert answer.message.startswith("the object provided is unrecognized (must be of type JSON): ")
    assert ours.get(own_path).ok()["items"] == ([before] if before else [])


def test_the_sentences(ours: KubeClient, own_path: str) -> None:
    said = {
        "NaN": "NaN is no JSON number",
        "1e999": "the number 1e999 is out of range",
        '"\\uDC00"': "a string holds \\udc00, which is half of a surrogate pair and no character",
        nested(101): "it is nested more than 100 levels deep",
    }
    for value, sentence in said.items():
        assert ours.create(own_path, _whole(value)).message.endswith(f"(must be of type JSON): {sentence}")
    assert "can't decode byte 0xff" in ours.create(own_path, _whole('"@"').replace(b"@", b"\xff")).message


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_json_is_utf_8(client: KubeClient, path: str, encoding: str) -> None:
    assert client.create(path, json.dumps(widget()).encode(encoding)).code == 400
    assert client.get(path).ok()["items"] == []


def test_a_character_outside_the_basic_plane(client: KubeClient, path: str) -> None:
    assert client.create(path, _whole('"\\ud83d\\ude00"')).ok()["spec"]["open"] == {"v": "\N{GRINNING FACE}"}


def test_numbers_are_what_they_are_elsewhere(client: KubeClient, path: str) -> None:
    sent = "[9223372036854775807, -9223372036854775808, 9223372036854775808, 1e20, 1.0, -0.0, 1.5, 1e-999]"
    told = client.create(path, _whole(sent)).ok()["spec"]["open"]["v"]
    assert told[:2] == [2**63 - 1, -(2**63)]
    assert [float(each) for each in told[2:]] == [2.0**63, 1e20, 1, 0, 1.5, 0]
    assert [type(each) for each in (told[4], told[5], told[7])] == [int, int, int]
    for size in ("9223372036854775808", "1e20", "-9223372036854775809"):
        answer = client.patch(f"{path}/a", b'{"spec": {"size": %s}}' % size.encode())
        assert answer.code == 422
        assert 'spec.size in body must be of type integer: "number"' in answer.message
    assert client.patch(f"{path}/a", b'{"spec": {"size": 4.0}}').ok()["spec"]["size"] == 4


PATCHES: list[Any] = [
    5, "x", {"op": "add"}, [5], [None], ["x"], [{"op": 5}], [{"op": "add"}], [{"op": "bla", "path": "/spec"}],
    [{"op": "add", "path": 5, "value": 1}], [{"op": "copy", "path": "/spec/open"}],
    [{"op": "copy", "from": 5, "path": "/spec/open"}], [{"op": "add", "path": "spec", "value": 9}],
    [{"op": "add", "path": "/spec/size/x", "value": 9}], [{"op": "remove", "path": "/spec/nope"}],
    [{"op": "move", "from": "/spec", "path": "/spec/open/x"}],
    [{"op": "test", "path": "/spec/size", "value": 9}], [{"op": "replace", "path": "", "value": 5}],
    [{"op": "remove", "path": ""}],
]  # fmt: skip


@pytest.mark.parametrize("patch", PATCHES, ids=str)
def test_a_json_patch_that_cannot_be_applied(client: KubeClient, path: str, patch: Any) -> None:
    kept = client.create(path, widget()).ok()
    answer = client.patch(f"{path}/a", patch, JSON_PATCH)
    assert answer.code in (400, 422)
    assert client.get(f"{path}/a").ok() == kept


def test_a_rejected_json_patch_says_where_and_not_what_is_there(ours: KubeClient, own_path: str) -> None:
    ours.create(own_path, widget(open={"secret": "hush"})).ok()
    operations = [{"op": "test", "path": "/spec/size", "value": 3}, {"op": "remove", "path": "/spec/open/x"}]
    answer = ours.patch(f"{own_path}/a", operations, JSON_PATCH)
    assert answer.code == 422
    assert answer.message == (
        "the server rejected our request due to an error in our request: operation 2, remove "
        '"/spec/open/x": it does not apply to the object'
    )


def test_a_json_patch_makes_no_more_than_it_may(client: KubeClient, path: str) -> None:
    kept = client.create(path, widget(open={"a": "x" * 1000})).ok()
    test = {"op": "test", "path": "/spec/size", "value": 3}
    answer = client.patch(f"{path}/a", [test] * 10_001, JSON_PATCH)
    assert (answer.code, answer.body["reason"]) == (413, "RequestEntityTooLarge")
    assert answer.message.endswith("The allowed maximum operations in a JSON patch is 10000, got 10001")
    copies = [{"op": "copy", "from": "/spec/open", "path": f"/spec/open/{index}"} for index in range(30)]
    assert client.patch(f"{path}/a", copies, JSON_PATCH).code == 422
    assert client.get(f"{path}/a").ok() == kept


def test_a_json_patch_nests_no_deeper_than_may_be(ours: KubeClient, own_path: str) -> None:
    kept = ours.create(own_path, json.dumps(widget(open="@")).replace('"@"', nested(90)).encode()).ok()
    within = "/spec/open" + "/a" * 89
    for operations in (
        [{"op": "add", "path": within, "value": json.loads(nested(50))}],
        [{"op": "copy", "from": "/spec/open", "path": within}],
        [{"op": "copy", "from": "", "path": within}] * 3,
    ):
        answer = ours.patch(f"{own_path}/a", operations, JSON_PATCH)
        assert answer.code in (400, 422)
        assert answer.message.endswith("it is nested more than 100 levels deep")
    assert ours.get(f"{own_path}/a").ok() == kept
    assert ours.patch(f"{own_path}/a", {"spec": {"size": 4}}).code == 200
    assert (
        ours.patch(f"{own_path}/a", [{"op": "copy", "from": "/spec/open", "path": "/spec/open"}], JSON_PATCH).code
        == 200
    )


@pytest.mark.parametrize(
    "patch",
    [{"metadata": {"$deleteFromPrimitiveList/finalizers": 5}}, {"$deleteFromPrimitiveList/metadata": ["x"]},
     {"metadata": {"ownerReferences": [{"name": "x"}]}}, {"data": {"finalizers": ["x"]}},
     {"data": {"conditions": [{}]}}, {"data": []}, {"metadata": 5}, [], 5],
    ids=str,
)  # fmt: skip
def test_a_strategic_patch_that_cannot_be_applied(client: KubeClient, namespace: str, patch: Any) -> None:
    config_maps = f"/api/v1/namespaces/{namespace}/configmaps"
    data = {"finalizers": "text", "conditions": "text"}
    kept = client.create(config_maps, {"metadata": {"name": "a"}, "data": data}).ok()
    assert client.patch(f"{config_maps}/a", patch, STRATEGIC).code in (400, 422)
    assert client.get(f"{config_maps}/a").ok() == kept


@pytest.mark.parametrize(
    "rules",
    [{"type": 5}, {"properties": []}, {"properties": {"a": 5}}, {"properties": {"a": {"items": []}}},
     {"required": "x"}, {"pattern": "("}, {"minLength": "x"}, {"additionalProperties": 5}, {"enum": 5}],
    ids=str,
)  # fmt: skip
def test_a_schema_that_cannot_be_read(client: KubeClient, rules: dict[str, Any]) -> None:
    crd = widgets.crd("gadgets", f"gadgets.{GROUP}")
    for version in crd["spec"]["versions"]:
        version["schema"]["openAPIV3Schema"]["properties"]["spec"] = {"type": "object", **rules}
    assert client.create(CRDS, crd).code in (400, 422)
    assert client.get(f"{CRDS}/{crd['metadata']['name']}").code == 404
    assert client.get("/openapi/v2").code == 200


@pytest.mark.parametrize(
    "query",
    ["limit=" + "9" * 30, "limit=" + "9" * 5000, "resourceVersion=" + "9" * 5000, "labelSelector=a%3E" + "9" * 5000,
     "continue=" + base64.urlsafe_b64encode(b"[" * 3000).decode(),
     "continue=" + base64.urlsafe_b64encode(b'{"after": ["a", "b"], "version": 1e999}').decode()],
    ids=lambda query: query[:25],
)  # fmt: skip
def test_a_query_that_cannot_be(client: KubeClient, path: str, query: str) -> None:
    assert client.get(f"{path}?{query}").code in (400, 500)  # kube-apiserver blames itself for a version


def test_a_token_that_is_no_text(ours: KubeClient) -> None:
    assert ours.request("GET", "/api/v1/namespaces", more={"Authorization": "Bearer \xff"}).code == 401
    answer = ours.request("GET", "/api/v1/namespaces", more={"Impersonate-User": "\xff"})
    assert (answer.code, answer.message) == (400, "the header Impersonate-User is not UTF-8")


@pytest.fixture
def own_path(ours: KubeClient) -> Iterator[str]:
    """Where widgets are on the standalone API alone; empty before and after."""
    path = f"/apis/{GROUP}/v1/namespaces/default/widgets"
    yield path
    ours.delete(path).ok()


WEIRD = st.sampled_from(
    [None, 0, -1, 1.5, 2**63, 1e20, True, "", "x", "a b", "\u0000", "/", "a/b/c", [], {}, [None], [[]], [{}], {"": 1},
     {"a": None}, ["x", "x"], [1], {"$patch": "replace"}, {"$patch": 5}, [{"$patch": "delete"}],
     [{"uid": []}], "x" * 300]
)  # fmt: skip
WHOLE: dict[str, Any] = {
    "metadata": {"name": "a", "labels": {"a": "b"}, "annotations": {"a": "b"}, "finalizers": ["example.com/a"],
                 "ownerReferences": [{**OWNER, "controller": True}], "managedFields": [{"manager": "m"}]},
    "spec": {"size": 3, "tags": ["a"], "parts": [{"name": "p", "count": 1}], "open": {"a": [{}]}, "labels": {"a": "b"}},
    "status": {"phase": "x", "conditions": [{"type": "a", "status": "True"}]},
    "data": {"a": "Yg=="}, "type": "Opaque", "immutable": False, "dryRun": ["All"], "preconditions": {"uid": "x"},
}  # fmt: skip


def places(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield before
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in items:
        yield from places(child, (*before, key))


def changed(value: Any, place: tuple[Any, ...], weird: Any) -> Any:
    if not place:
        return weird
    made = copy.copy(value)
    made[place[0]] = changed(value[place[0]], place[1:], weird)
    return made


@settings(max_examples=100)
@given(st.sampled_from([place for place in places(WHOLE) if place]), WEIRD)
def test_nothing_strange_is_the_servers_fault(ours: KubeClient, place: tuple[Any, ...], weird: Any) -> None:
    sent = changed(WHOLE, place, weird)
    pointer = "/" + "/".join(map(str, place))
    for kind, api_version, path in (
        ("Widget", f"{GROUP}/v1", f"/apis/{GROUP}/v1/namespaces/default/widgets"),
        ("Secret", "v1", "/api/v1/namespaces/default/secrets"),
    ):
        ours.create(path, {"apiVersion": api_version, "kind": kind, "metadata": {"name": "b"}, "spec": {"size": 3}})
        typed = {"apiVersion": api_version, "kind": kind, **sent}
        answers = [
            ours.create(path, typed),
            ours.update(f"{path}/a", typed),
            ours.patch(f"{path}/a", sent),
            ours.patch(f"{path}/b", sent, STRATEGIC),
            ours.patch(f"{path}/b", [{"op": "add", "path": pointer, "value": weird}], JSON_PATCH),
            ours.delete(f"{path}/b", sent),
            ours.get(path),
            ours.get(path, TABLE),
        ]
        assert all(answer.code < 500 for answer in answers), [answer.body for answer in answers if answer.code >= 500]
        for name in ("a", "b"):
            ours.patch(f"{path}/{name}", {"metadata": {"finalizers": None}})
            ours.delete(f"{path}/{name}")
