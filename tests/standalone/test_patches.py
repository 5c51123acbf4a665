"""Patches: merge patch and JSON patch, and what can't be applied."""

from __future__ import annotations

from tests.kube.client import JSON_PATCH, KubeClient
from tests.standalone.widgets import GROUP, widget


def test_a_merge_patch_sets_and_removes(client: KubeClient, path: str) -> None:
    client.create(path, widget(code="abc", labels={"a": "1", "b": "2"}, tags=["x", "y"])).ok()
    patch = {"spec": {"code": None, "labels": {"a": None, "c": "3"}, "tags": ["z"]}}
    spec = client.patch(f"{path}/a", patch).ok()["spec"]
    assert "code" not in spec
    assert spec["labels"] == {"b": "2", "c": "3"}
    assert spec["tags"] == ["z"]
    assert spec["size"] == 3


def test_a_removed_field_gets_its_default_again(client: KubeClient, path: str) -> None:
    client.create(path, widget(colour="green")).ok()
    assert client.patch(f"{path}/a", {"spec": {"colour": None}}).ok()["spec"]["colour"] == "red"


def test_a_json_patch_is_applied_in_order(client: KubeClient, path: str) -> None:
    client.create(path, widget(tags=["x"])).ok()
    patch = [
        {"op": "test", "path": "/spec/size", "value": 3},
        {"op": "replace", "path": "/spec/size", "value": 4},
        {"op": "add", "path": "/spec/tags/-", "value": "y"},
        {"op": "add", "path": "/metadata/labels", "value": {"a~b": "c"}},
        {"op": "remove", "path": "/spec/colour"},
    ]
    answer = client.patch(f"{path}/a", patch, JSON_PATCH)
    assert answer.code == 422  # the label's key is not one
    patch[3]["value"] = {"example.com/a": "c"}
    changed = client.patch(f"{path}/a", patch, JSON_PATCH).ok()
    assert changed["spec"]["size"] == 4
    assert changed["spec"]["tags"] == ["x", "y"]
    assert changed["spec"]["colour"] == "red"
    escaped = [{"op": "remove", "path": "/metadata/labels/example.com~1a"}]
    assert "labels" not in client.patch(f"{path}/a", escaped, JSON_PATCH).ok()["metadata"]


def test_a_json_patch_whose_test_fails_changes_nothing(client: KubeClient, path: str) -> None:
    client.create(path, widget()).ok()
    patch = [
        {"op": "replace", "path": "/spec/size", "value": 4},
        {"op": "test", "path": "/spec/colour", "value": "green"},
    ]
    answer = client.patch(f"{path}/a", patch, JSON_PATCH)
    assert answer.code == 422
    assert answer.body["reason"] == "Invalid"
    assert client.get(f"{path}/a").ok()["spec"]["size"] == 3


def test_a_json_patch_that_leads_nowhere(client: KubeClient, path: str) -> None:
    client.create(path, widget()).ok()
    answer = client.patch(f"{path}/a", [{"op": "remove", "path": "/spec/nothing/there"}], JSON_PATCH)
    assert answer.code == 422


def test_a_patch_that_is_none(client: KubeClient, path: str) -> None:
    client.create(path, widget()).ok()
    assert client.patch(f"{path}/a", {"op": "add"}, JSON_PATCH).code == 400
    assert client.patch(f"{path}/a", b"{not json", JSON_PATCH).code == 400
    assert client.patch(f"{path}/a", b"{not json").code in (400, 500)  # kube-apiserver 1.20 blames itself


def test_a_patch_of_a_named_version_that_is_stale(client: KubeClient, path: str) -> None:
    made = client.create(path, widget()).ok()
    client.patch(f"{path}/a", {"spec": {"size": 4}}).ok()
    stale = {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}, "spec": {"size": 5}}
    answer = client.patch(f"{path}/a", stale)
    assert answer.code == 409
    assert answer.body["reason"] == "Conflict"
    assert answer.body["details"] == {"name": "a", "group": GROUP, "kind": "widgets"}
    assert client.get(f"{path}/a").ok()["spec"]["size"] == 4


def test_a_patch_cannot_rename(client: KubeClient, path: str) -> None:
    client.create(path, widget()).ok()
    assert client.patch(f"{path}/a", {"metadata": {"name": "b"}}).code == 400


STRATEGIC = "application/strategic-merge-patch+json"


def test_a_strategic_patch_merges_lists_by_their_key(client: KubeClient, secrets: str) -> None:
    one, two = (client.create(secrets, {"metadata": {"name": name}}).ok()["metadata"]["uid"] for name in ("one", "two"))
    owner = {"apiVersion": "v1", "kind": "Secret", "name": "one", "uid": one}
    metadata = {"ownerReferences": [owner], "finalizers": ["example.com/a"], "labels": {"a": "1", "b": "2"}}
    client.create(secrets, {"metadata": {"name": "s", **metadata}, "data": {"a": "MQ=="}}).ok()
    patch = {
        "metadata": {
            "ownerReferences": [{**owner, "name": "two", "uid": two}, {"uid": one, "controller": True}],
            "finalizers": ["example.com/b"],
            "labels": {"a": None, "c": "3"},
            "$setElementOrder/finalizers": ["example.com/a", "example.com/b"],
        },
        "data": {"$patch": "replace", "b": "Mg=="},
    }
    changed = client.patch(f"{secrets}/s", patch, STRATEGIC).ok()
    owners = {each["uid"]: each.get("controller") for each in changed["metadata"]["ownerReferences"]}
    assert owners == {one: True, two: None}
    assert changed["metadata"]["finalizers"] == ["example.com/a", "example.com/b"]
    assert changed["metadata"]["labels"] == {"b": "2", "c": "3"}
    assert changed["data"] == {"b": "Mg=="}
    patch = {
        "metadata": {
            "ownerReferences": [{"$patch": "delete", "uid": one}],
            "$deleteFromPrimitiveList/finalizers": ["example.com/a", "example.com/b"],
        }
    }
    changed = client.patch(f"{secrets}/s", patch, STRATEGIC).ok()
    assert [each["uid"] for each in changed["metadata"]["ownerReferences"]] == [two]
    assert "finalizers" not in changed["metadata"]


def test_a_strategic_patch_of_a_custom_resource_is_refused(client: KubeClient, path: str) -> None:
    client.create(path, widget()).ok()
    answer = client.patch(f"{path}/a", {"spec": {"size": 4}}, STRATEGIC)
    assert answer.code == 415
    assert answer.body["reason"] == "UnsupportedMediaType"
    assert "application/json-patch+json, application/merge-patch+json" in answer.message
