"""Lists: selected by labels and fields, in pages, with a version to watch from."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.kube.client import KubeClient
from tests.standalone.widgets import GROUP, labelled


def names(body: Any) -> list[str]:
    return [item["metadata"]["name"] for item in body["items"]]


@pytest.fixture
def four(client: KubeClient, path: str) -> str:
    client.create(path, labelled("a", board="qemu", bench="1")).ok()
    client.create(path, labelled("b", board="rpi", bench="2")).ok()
    client.create(path, labelled("c", board="qemu")).ok()
    client.create(path, labelled("d")).ok()
    return path


SELECTORS = [
    ("board=qemu", ["a", "c"]),
    ("board==qemu,bench=1", ["a"]),
    ("board!=qemu", ["b", "d"]),
    ("board in (qemu, rpi)", ["a", "b", "c"]),
    ("board in (qemu),bench", ["a"]),
    ("board notin (qemu)", ["b", "d"]),
    ("bench", ["a", "b"]),
    ("!bench", ["c", "d"]),
    ("bench>1", ["b"]),
    ("", ["a", "b", "c", "d"]),
    ("board=", []),
    ("  ", ["a", "b", "c", "d"]),
    (" board = qemu , ! bench ", ["c"]),
    ("board\t=\nqemu", ["a", "c"]),
    ("board in(qemu)", ["a", "c"]),
    ("board in ( qemu , )", ["a", "c"]),
    ("board in ()", []),
    ("board!=", ["a", "b", "c", "d"]),
    ("bench<2", ["a"]),
    ("bench>0,bench<2", ["a"]),
    ("in,notin", []),
    ("!in,! notin", ["a", "b", "c", "d"]),
    ("in in (in)", []),
    ("in=in", []),
    ("example.com/a!=b,A_b.c!=X", ["a", "b", "c", "d"]),
    ("!" + "a" * 63 + "," + "b!=" + "b" * 63, ["a", "b", "c", "d"]),
]


@pytest.mark.parametrize(("selector", "wanted"), SELECTORS)
def test_a_label_selector(client: KubeClient, four: str, selector: str, wanted: list[str]) -> None:
    assert names(client.get(f"{four}?labelSelector={quote(selector)}").ok()) == wanted


NOT_SELECTORS = [
    "board in qemu", "a b", "=x", "board in (a", "a=b=c", ",", ",a", "a,", "a,,b", "a notin (b", "a=b c", "!a=b", "!!a",
    "a in (b)c", "a=(b)", "a===b", "a!b", "a=b!", "a>x", "a>", "a<-1", "a>1>2", "a in (b c)", "a in ((b))", "a in (>)",
    "a in (b),", "-a", "a-", "a/b/c", "A.b/c", "/a", "a/", "a=-b", "\u00fc", "a=\u00fc", "a" * 64, "a=" + "b" * 64,
    "a." * 150 + "a/b", "," * 2_000, "(" * 2_000, "a in (" + "!" * 2_000,
]  # fmt: skip


@pytest.mark.parametrize("selector", NOT_SELECTORS, ids=lambda selector: str(selector)[:20])
def test_a_label_selector_that_cannot_be_read(client: KubeClient, path: str, selector: str) -> None:
    answer = client.get(f"{path}?labelSelector={quote(selector)}")
    assert answer.code == 400
    assert answer.body["reason"] == "BadRequest"


def test_a_field_selector(client: KubeClient, four: str, namespace: str) -> None:
    everywhere = f"/apis/{GROUP}/v1/widgets"
    assert names(client.get(f"{four}?fieldSelector=metadata.name%3Db").ok()) == ["b"]
    assert names(client.get(f"{four}?fieldSelector=metadata.name!%3Db").ok()) == ["a", "c", "d"]
    selector = quote(f"metadata.namespace={namespace},metadata.name=c")
    assert names(client.get(f"{everywhere}?fieldSelector={selector}").ok()) == ["c"]


NOT_FIELD_SELECTORS = [
    "metadata.name",
    "metadata.name=a=b",
    "=a",
    "a" * 4_000,
    "a=" + " " * 2_000 + "b c",
]


@pytest.mark.parametrize("selector", NOT_FIELD_SELECTORS, ids=lambda selector: str(selector)[:20])
def test_a_field_selector_that_cannot_be_read(client: KubeClient, path: str, selector: str) -> None:
    answer = client.get(f"{path}?fieldSelector={quote(selector)}")
    assert (answer.code, answer.body["reason"]) == (400, "BadRequest")


def test_a_field_that_nobody_selects_by(client: KubeClient, path: str) -> None:
    answer = client.get(f"{path}?fieldSelector=spec.size%3D3")
    assert answer.code == 400
    assert answer.message.endswith("field label not supported: spec.size")


def test_secrets_are_selected_by_type(client: KubeClient, secrets: str) -> None:
    client.create(secrets, {"metadata": {"name": "a"}, "type": "example.com/a"}).ok()
    client.create(secrets, {"metadata": {"name": "b"}}).ok()
    assert names(client.get(f"{secrets}?fieldSelector=type%3Dexample.com%2Fa").ok()) == ["a"]


def test_a_list_tells_its_kind_and_version(client: KubeClient, four: str) -> None:
    body = client.get(four).ok()
    assert body["kind"] == "WidgetList"
    assert body["apiVersion"] == f"{GROUP}/v1"
    assert int(body["metadata"]["resourceVersion"]) >= max(int(i["metadata"]["resourceVersion"]) for i in body["items"])


def test_a_list_of_all_namespaces(client: KubeClient, four: str, namespace: str) -> None:
    items = client.get(f"/apis/{GROUP}/v1/widgets").ok()["items"]
    assert [i["metadata"]["name"] for i in items if i["metadata"]["namespace"] == namespace] == ["a", "b", "c", "d"]


def test_a_list_comes_in_pages(client: KubeClient, four: str) -> None:
    first = client.get(f"{four}?limit=3").ok()
    assert names(first) == ["a", "b", "c"]
    second = client.get(f"{four}?limit=3&continue={quote(first['metadata']['continue'])}").ok()
    assert names(second) == ["d"]
    assert not second["metadata"].get("continue")
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


def test_a_page_of_what_is_selected(client: KubeClient, four: str) -> None:
    selector = "labelSelector=board%3Dqemu&limit=1"
    first = client.get(f"{four}?{selector}").ok()
    assert names(first) == ["a"]
    second = client.get(f"{four}?{selector}&continue={quote(first['metadata']['continue'])}").ok()
    assert names(second) == ["c"]


def test_a_continuation_that_is_none(client: KubeClient, path: str) -> None:
    assert client.get(f"{path}?limit=1&continue=nonsense").code == 400


def test_metadata_alone_can_be_asked_for(client: KubeClient, four: str) -> None:
    accept = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json"
    body = client.get(four, accept).ok()
    assert body["kind"] == "PartialObjectMetadataList"
    assert body["items"][0]["kind"] == "PartialObjectMetadata"
    assert "spec" not in body["items"][0]


def test_pages_are_of_one_moment(client: KubeClient, four: str) -> None:
    first = client.get(f"{four}?limit=2").ok()
    assert first["metadata"]["remainingItemCount"] == 2
    client.delete(f"{four}/c").ok()
    client.create(four, labelled("bb")).ok()
    client.patch(f"{four}/d", {"spec": {"size": 9}}).ok()
    client.patch(f"{four}/d", {"spec": {"size": 8}}).ok()
    second = client.get(f"{four}?limit=2&continue={quote(first['metadata']['continue'])}").ok()
    assert names(second) == ["c", "d"]
    assert second["items"][1]["spec"]["size"] == 3
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    assert names(client.get(four).ok()) == ["a", "b", "bb", "d"]


def test_a_list_of_an_exact_version(client: KubeClient, four: str) -> None:
    before = client.get(four).ok()
    client.delete(f"{four}/a").ok()
    version = before["metadata"]["resourceVersion"]
    exact = client.get(f"{four}?resourceVersion={version}&resourceVersionMatch=Exact&limit=100").ok()
    assert exact["items"] == before["items"]
    newer = client.get(f"{four}?resourceVersion={version}&resourceVersionMatch=NotOlderThan").ok()
    assert sorted(names(newer)) in (["a", "b", "c", "d"], ["b", "c", "d"])  # kube-apiserver's cache, in its own order


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("resourceVersionMatch=Exact", "resourceVersionMatch"),
        ("resourceVersionMatch=Exact&resourceVersion=0", "resourceVersionMatch"),
        ("resourceVersionMatch=Whatever&resourceVersion=1", "resourceVersionMatch"),
    ],
)
def test_a_list_that_contradicts_itself(client: KubeClient, path: str, query: str, field: str) -> None:
    answer = client.get(f"{path}?{query}")
    assert (answer.code, answer.body["reason"]) == (422, "Invalid")
    assert field in answer.message


def test_a_list_of_a_version_to_come(client: KubeClient, path: str) -> None:
    answer = client.get(f"{path}?resourceVersion=99999999&resourceVersionMatch=NotOlderThan")
    assert (answer.code, answer.body["reason"]) == (504, "Timeout")
    assert answer.message.startswith("Timeout: Too large resource version: 99999999, current: ")


def test_a_page_and_a_version_at_once(client: KubeClient, four: str) -> None:
    token = quote(client.get(f"{four}?limit=1").ok()["metadata"]["continue"])
    assert client.get(f"{four}?limit=1&continue={token}&resourceVersion=5").code == 400
