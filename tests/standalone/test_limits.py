"""What one request may cost: what asks for more is refused, however short it is."""

from __future__ import annotations

import gzip
import io
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from jumplab_operator.standalone.base.errors import MOST_CAUSES
from jumplab_operator.standalone.controllers import ownership
from jumplab_operator.standalone.http import bodies, patches, strategic
from jumplab_operator.standalone.objects import metadata_rules
from jumplab_operator.standalone.objects.built_in import SECRETS
from jumplab_operator.standalone.storage.store import Key
from tests.kube.client import JSON_PATCH, KubeClient
from tests.standalone.in_process import served
from tests.standalone.widgets import crd, widget

LIMIT_BYTES = 1536 * 1024
MERGE = "application/merge-patch+json"
MAPS = "/api/v1/namespaces/default/configmaps"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def doubling(times: int, source: str, target: str) -> list[dict[str, Any]]:
    return [{"op": "copy", "from": source, "path": f"{target}/x{number}"} for number in range(times)]


@pytest.mark.parametrize(
    ("source", "target"), [("/spec", "/spec/open"), ("", "/spec/open"), ("/spec/open", "/spec/open")]
)
def test_a_patch_that_doubles_the_object_again_and_again(
    client: KubeClient, path: str, source: str, target: str
) -> None:
    client.create(path, widget(open={"text": "x" * 100})).ok()
    answer = client.patch(f"{path}/a", doubling(18, source, target), JSON_PATCH)
    assert (answer.code, answer.body["reason"]) == (422, "Invalid")
    assert "the server rejected our request due to an error in our request" in answer.message
    assert client.get(f"{path}/a").ok()["spec"]["open"] == {"text": "x" * 100}


def test_a_patch_that_copies_a_text_many_times(client: KubeClient, path: str) -> None:
    client.create(path, widget(open={"text": "x" * 1000})).ok()
    assert client.patch(f"{path}/a", doubling(1000, "/spec/open/text", "/spec/open"), JSON_PATCH).code == 200
    assert client.patch(f"{path}/a", doubling(4000, "/spec/open/text", "/spec/open"), JSON_PATCH).code == 422


def test_a_patch_has_so_many_operations(client: KubeClient, path: str) -> None:
    client.create(path, widget()).ok()
    operation = {"op": "add", "path": "/spec/size", "value": 4}
    answer = client.patch(f"{path}/a", [operation] * 10_001, JSON_PATCH)
    assert (answer.code, answer.body["reason"]) == (413, "RequestEntityTooLarge")
    assert answer.message == (
        "Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001"
    )
    assert client.patch(f"{path}/a", [operation] * 10_000, JSON_PATCH).ok()["spec"]["size"] == 4


def test_annotations_have_so_many_bytes(client: KubeClient, path: str) -> None:
    sent = widget()
    sent["metadata"]["annotations"] = {"example.com/a": "x" * (256 * 1024)}
    answer = client.create(path, sent)
    assert answer.code == 422
    assert "metadata.annotations: Too long: must have at most 262144" in answer.message
    sent["metadata"]["annotations"] = {"example.com/a": "x" * (255 * 1024)}
    assert client.create(path, sent).code == 201


def test_a_compressed_body_is_not_unpacked(client: KubeClient, path: str) -> None:
    body = gzip.compress(json.dumps(widget()).encode())
    answer = client.request("POST", path, body, more={"Content-Encoding": "gzip"})
    assert answer.code in (400, 415)  # kube-apiserver takes it for JSON as it is
    assert client.get(path).ok()["items"] == []


# From here on kube-apiserver has no limit, or another one.


async def answered(session: aiohttp.ClientSession, method: str, path: str, body: Any, kind: str = MERGE) -> Any:
    """The status code and the Status of an answer."""
    raw = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
    async with session.request(method, path, data=raw, headers={"Content-Type": kind}) as answer:
        return answer.status, await answer.json()


async def made(session: aiohttp.ClientSession, **data: str) -> str:
    """Where a config map is that has been made."""
    sent = {"metadata": {"name": "a"}, "data": data}
    assert (await answered(session, "POST", MAPS, sent, "application/json"))[0] == 201
    return f"{MAPS}/a"


async def test_a_patch_that_pushes_a_long_list_along(tmp_path: Path) -> None:
    patch: list[Any] = [{"op": "add", "path": "/list", "value": [0] * 400_000}]
    for operation in ({"op": "add", "path": "/list/0", "value": 0}, {"op": "remove", "path": "/list/0"}):
        async with served(tmp_path / operation["op"]) as (_, session):
            place = await made(session)
            code, body = await answered(session, "PATCH", place, [*patch, *[operation] * 30], JSON_PATCH)
        assert (code, body["reason"]) == (422, "Invalid")
        assert "its changes move more than 10000000 items of lists aside; send several patches" in body["message"]


def nested(levels: int) -> bytes:
    return b'{"data":' + b'{"a":' * levels + b"1" + b"}" * levels + b"}"


@pytest.mark.parametrize("levels", [200, 900, 5_000, 50_000])
async def test_a_body_that_is_nested_too_deeply(tmp_path: Path, levels: int) -> None:
    async with served(tmp_path) as (_, session):
        place = await made(session)
        for method, where, kind in (("POST", MAPS, "application/json"), ("PATCH", place, MERGE)):
            code, body = await answered(session, method, where, nested(levels), kind)
            assert code == 400
            assert body["message"].endswith("it is nested more than 100 levels deep")
        lists = b"[" * levels + b"]" * levels
        assert (await answered(session, "PATCH", place, lists, JSON_PATCH))[0] == 400


async def test_a_body_of_too_many_lists_and_objects(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, session):
        place = await made(session)
        for body in (b'{"data":[' + b"{}," * 60_000 + b"0]}", b"[" + b"[]," * 60_000 + b"0]"):
            code, told = await answered(session, "PATCH", place, body)
            assert (code, told["message"].endswith("it has more than 60000 lists and objects")) == (400, True)
        # Brackets in a text are none, whatever stands before them.
        text = {"data": {"a": '"[{\\' * 40_000}}
        assert (await answered(session, "PATCH", place, text))[0] == 200


@pytest.mark.parametrize("size", [1_000, 400_000])
async def test_a_large_body_is_read_and_checked_beside_the_loop(
    tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = dict[str, list[bool]]()

    def watched(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def work_and_note(*arguments: Any) -> Any:
            threads.setdefault(name, []).append(threading.current_thread() is threading.main_thread())
            return work(*arguments)

        return work_and_note

    monkeypatch.setattr(bodies, "decoded", watched("read", bodies.decoded))
    monkeypatch.setattr(bodies, "admitted", watched("checked", bodies.admitted))
    monkeypatch.setattr(patches, "apply_patch", watched("patched", patches.apply_patch))
    async with served(tmp_path) as (_, session):
        place = await made(session, a="x" * size)
        assert (await answered(session, "PATCH", place, {"data": {"b": "x" * size}}))[0] == 200
    in_the_loop = size < 128 * 1024
    assert threads["read"] == [in_the_loop, in_the_loop]
    assert threads["checked"] == [in_the_loop, False]
    assert threads["patched"] == [False]


async def test_a_patch_that_nests_what_is_there(tmp_path: Path) -> None:
    patch = [{"op": "copy", "from": "/data", "path": "/data" + "/a" * 2**times} for times in range(9)]
    async with served(tmp_path) as (_, session):
        place = await made(session)
        code, body = await answered(session, "PATCH", place, patch, JSON_PATCH)
    assert code == 400
    assert "nested more than 100 levels deep" in body["message"]


async def test_an_object_can_not_grow_by_one_patch_after_the_other(tmp_path: Path) -> None:
    codes = []
    async with served(tmp_path) as (_, session):
        assert (await answered(session, "POST", CRDS, crd(), "application/json"))[0] == 201
        widgets = "/apis/widgets.example.com/v1/namespaces/default/widgets"
        sent = widget(open={"text": "x" * 500_000})
        assert (await answered(session, "POST", widgets, sent, "application/json"))[0] == 201
        for number in range(3):
            patch = [{"op": "copy", "from": "/spec/open/text", "path": f"/spec/open/x{number}"}]
            codes.append((await answered(session, "PATCH", f"{widgets}/a", patch, JSON_PATCH))[0])
        async with session.get(f"{widgets}/a") as answer:
            size = len(await answer.read())
    assert codes == [200, 200, 413]
    assert size <= LIMIT_BYTES


async def test_a_refusal_is_no_longer_than_one_reads(tmp_path: Path) -> None:
    labels = {f"key-{number}!": "no value!" for number in range(50_000)}
    wrong: list[dict[str, Any]] = [
        {"metadata": {"name": "b", "labels": labels}},
        {"metadata": {"name": "X" * 1_000_000}},
        {"metadata": {"name": "b", "labels": {"a": "!" * 1_000_000}}},
        {"metadata": {"name": "b", "annotations": {"!" * 200_000: ""}}},
    ]
    async with served(tmp_path) as (_, session):
        for sent in wrong:
            code, body = await answered(session, "POST", MAPS, sent, "application/json")
            assert code == 422
            assert len(body["details"]["causes"]) <= MOST_CAUSES
            assert len(json.dumps(body)) < 200_000


async def test_a_refusal_of_a_custom_resource_is_no_longer_than_one_reads(tmp_path: Path) -> None:
    wrong = [widget(parts=[{}] * 50_000), widget(code="!" * 1_000_000), widget(colour="blue" * 100_000)]
    async with served(tmp_path) as (_, session):
        assert (await answered(session, "POST", CRDS, crd(), "application/json"))[0] == 201
        for sent in wrong:
            path = "/apis/widgets.example.com/v1/namespaces/default/widgets"
            code, body = await answered(session, "POST", path, sent, "application/json")
            assert code == 422
            assert len(body["details"]["causes"]) <= MOST_CAUSES
            assert len(json.dumps(body)) < 200_000


@pytest.mark.parametrize(
    "metadata",
    [{"finalizers": [{}]}, {"finalizers": [1]}, {"ownerReferences": [1]}, {"ownerReferences": ["x"]}],
    ids=str,
)
async def test_lists_of_metadata_hold_what_they_should(tmp_path: Path, metadata: dict[str, Any]) -> None:
    async with served(tmp_path) as (_, session):
        place = await made(session)
        assert (await answered(session, "PATCH", place, {"metadata": metadata}))[0] == 400


async def test_half_a_surrogate_pair_is_no_text(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, session):
        place = await made(session)
        for text in (rb"\ud800", rb"\uDfff", rb"\udc00\ud800"):
            code, body = await answered(session, "PATCH", place, b'{"data": {"a": "' + text + b'"}}')
            assert (code, "half of a surrogate pair" in body["message"]) == (400, True)
        assert (await answered(session, "PATCH", place, rb'{"data": {"a": "\ud83d\ude00"}}'))[0] == 200


@pytest.mark.parametrize(
    "query",
    [
        "limit=" + "9" * 30,
        "limit=" + "9" * 5_000,
        "limit=-1",
        "resourceVersion=" + "9" * 5_000,
        "watch=1&resourceVersion=" + "9" * 30,
        "watch=1&timeoutSeconds=" + "9" * 400,
        "continue=" + "W1tb" * 1_500,
    ],
    ids=lambda query: str(query)[:30],
)
async def test_a_number_that_can_not_be(tmp_path: Path, query: str) -> None:
    async with served(tmp_path) as (_, session), session.get(f"{MAPS}?{query}") as answer:
        assert (answer.status, (await answer.json())["reason"]) == (400, "BadRequest")


# How the work grows with what is sent: counted, since time says little on a busy machine.

MANY = 2_000


class Counted(dict[str, Any]):
    """An object that counts how often it is looked into or compared."""

    looked_at = 0

    def get(self, key: str, default: Any = None) -> Any:
        Counted.looked_at += 1
        return super().get(key, default)

    def __eq__(self, other: object) -> bool:
        Counted.looked_at += 1
        return super().__eq__(other)

    __hash__ = None  # type: ignore[assignment]


class CountedText(str):
    """A text that counts how often it is compared."""

    compared = 0

    def __eq__(self, other: object) -> bool:
        CountedText.compared += 1
        return super().__eq__(other)

    def __hash__(self) -> int:
        return super().__hash__()


@pytest.fixture(autouse=True)
def counting_anew() -> None:
    Counted.looked_at = CountedText.compared = 0


def test_lists_merge_in_one_go() -> None:
    before = {"ownerReferences": [Counted(uid=str(number)) for number in range(MANY)]}
    patch = {"ownerReferences": [Counted(uid=str(number), name="x") for number in range(MANY, 0, -1)]}
    merged = strategic.merge(before, patch)["ownerReferences"]
    assert [each["uid"] for each in merged] == ["0", *(str(number) for number in range(MANY, 0, -1))]
    assert Counted.looked_at < 20 * MANY


def test_sets_merge_in_one_go() -> None:
    before = {"finalizers": [CountedText(number) for number in range(MANY)]}
    patch = {
        "finalizers": [CountedText(number) for number in range(MANY // 2, 2 * MANY)],
        "$deleteFromPrimitiveList/finalizers": [CountedText(number) for number in range(MANY // 2)],
    }
    merged = strategic.merge(before, patch)["finalizers"]
    assert merged == [str(number) for number in range(MANY // 2, 2 * MANY)]
    assert CountedText.compared < 20 * MANY


def test_finalizers_are_compared_in_one_go() -> None:
    old = {"metadata": {"deletionTimestamp": "x", "finalizers": [CountedText(number) for number in range(MANY)]}}
    new = {"metadata": {"finalizers": [CountedText(number) for number in range(MANY, 2 * MANY)]}}
    (cause,) = metadata_rules.finalizer_causes(old, new)
    assert len(cause.message) < 2_000
    assert CountedText.compared < 20 * MANY


def test_an_owner_is_looked_up_once_however_often_it_is_named() -> None:
    asked: list[Key] = []

    def lookup(key: Key) -> dict[str, Any]:
        asked.append(key)
        return {"metadata": {"uid": "1"}}

    owners = [{"apiVersion": "v1", "kind": "Secret", "name": "big", "uid": str(number)} for number in range(MANY)]
    left = ownership.remaining_owners({"metadata": {"namespace": "n", "ownerReferences": owners}}, [SECRETS], lookup)
    assert ([each["uid"] for each in left], len(asked)) == (["1"], 1)
