"""What metadata may hold: a field of the wrong type is no object's, and what can't be is refused field by field."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.kube.client import JSON_PATCH, KubeClient
from tests.standalone.widgets import GROUP, widget

OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "u"}
STRATEGIC = "application/strategic-merge-patch+json"


@pytest.mark.parametrize(
    "metadata",
    [
        {"labels": {"a": 1}}, {"labels": []}, {"annotations": {"a": True}}, {"annotations": {"a": {}}},
        {"finalizers": {}}, {"finalizers": [1]}, {"finalizers": [["x"]]},
        {"ownerReferences": {}}, {"ownerReferences": "x"}, {"ownerReferences": ["x"]}, {"ownerReferences": [[]]},
        *({"ownerReferences": [{**OWNER, **wrong}]} for wrong in
          ({"uid": 5}, {"name": []}, {"apiVersion": 1}, {"controller": "true"}, {"blockOwnerDeletion": 1})),
        {"managedFields": {}}, {"managedFields": [1]}, {"managedFields": [{"time": "x"}]},
        {"managedFields": [{"manager": 5}]}, {"creationTimestamp": "x"}, {"creationTimestamp": 5},
        {"creationTimestamp": "2020-01-01"}, {"deletionTimestamp": "x"}, {"deletionGracePeriodSeconds": "x"},
        {"deletionGracePeriodSeconds": 1.5}, {"generation": "x"}, {"generation": 2**63}, {"selfLink": 5}, {"uid": 5},
        {"resourceVersion": 5}, {"generateName": 5}, {"namespace": 5},
    ],
    ids=str,
)  # fmt: skip
def test_metadata_of_the_wrong_type(client: KubeClient, path: str, secrets: str, metadata: dict[str, Any]) -> None:
    field = next(iter(metadata))
    for collection, made in ((path, widget()), (secrets, {"metadata": {"name": "a"}})):
        sent = copy.deepcopy(made)
        sent["metadata"] |= metadata
        answer = client.create(collection, sent)
        assert answer.code == 400
        assert field.lower() in answer.message.lower()
        kept = client.create(collection, made).ok()
        sent["metadata"] = {**kept["metadata"], **metadata}
        assert client.update(f"{collection}/a", sent).code == 400
        assert client.patch(f"{collection}/a", {"metadata": metadata}).code in (400, 422)
        operations = [{"op": "add", "path": f"/metadata/{field}", "value": metadata[field]}]
        assert client.patch(f"{collection}/a", operations, JSON_PATCH).code in (400, 422)
        if collection == secrets and field != "generation":  # of which kube-apiserver 1.20 loses sight
            assert client.patch(f"{collection}/a", {"metadata": metadata}, STRATEGIC).code in (400, 422)
        assert client.get(f"{collection}/a").ok() == kept


NAME_RULE = "name part must consist of alphanumeric characters"


@pytest.mark.parametrize(
    ("metadata", "fields", "rule"),
    [
        ({"ownerReferences": [{}]}, ["apiVersion", "kind", "name", "uid"], "version must not be empty"),
        ({"ownerReferences": [None]}, ["apiVersion", "kind", "name", "uid"], "uid must not be empty"),
        ({"ownerReferences": [{"name": "x"}]}, ["apiVersion", "kind", "uid"], "kind must not be empty"),
        ({"ownerReferences": [{**OWNER, "name": None}]}, ["name"], "name must not be empty"),
        ({"ownerReferences": [{**OWNER, "apiVersion": "a/b/c"}]}, ["apiVersion"], "version must not be empty"),
        ({"ownerReferences": [{**OWNER, "apiVersion": "a/"}]}, ["apiVersion"], "version must not be empty"),
        ({"ownerReferences": [{**OWNER, "kind": "Event"}]}, [""], "/v1, Kind=Event is disallowed from being an owner"),
        (
            {"ownerReferences": [{**OWNER, "uid": uid, "controller": True} for uid in "uv"]},
            [""],
            "Only one reference can",
        ),
        ({"finalizers": ["a b"]}, [""], NAME_RULE),
        ({"finalizers": [None]}, ["", ""], "name part must be non-empty"),
        ({"finalizers": ["A/b"]}, [""], "prefix part a lowercase RFC 1123 subdomain"),
        ({"finalizers": ["/b"]}, [""], "prefix part must be non-empty"),
        ({"finalizers": ["a/b/c"]}, [""], f"a qualified {NAME_RULE.replace('part ', '')}"),
        ({"finalizers": ["orphan", "foregroundDeletion"]}, [""], "finalizer orphan and foregroundDeletion cannot be"),
        ({"annotations": {"a b": ""}}, [""], NAME_RULE),
        ({"annotations": {"a": "x" * 256 * 1024}}, [""], "Too long: must have at most 262144 bytes"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_metadata_that_cannot_be(
    client: KubeClient, path: str, metadata: dict[str, Any], fields: list[str], rule: str
) -> None:
    sent = widget()
    sent["metadata"] |= metadata
    answer = client.create(path, sent)
    assert answer.code == 422
    assert answer.message.startswith(f'Widget.{GROUP} "a" is invalid: ')
    assert rule in answer.message
    found = [cause["field"] for cause in answer.body["details"]["causes"]]
    assert found == [".".join(filter(None, ("metadata", next(iter(metadata)), field))) for field in fields]
    kept = client.create(path, widget()).ok()
    assert client.update(f"{path}/a", {**kept, "metadata": {**kept["metadata"], **metadata}}).code == 422
    assert client.get(f"{path}/a").ok() == kept


@pytest.mark.parametrize("begin", ["- ", "A", "a/"])
def test_a_generated_name_that_cannot_be(client: KubeClient, path: str, begin: str) -> None:
    sent = widget()
    sent["metadata"] = {"generateName": begin}
    answer = client.create(path, sent)
    assert answer.code == 422
    assert f'metadata.generateName: Invalid value: "{begin}": a lowercase RFC 1123 subdomain' in answer.message
    sent["metadata"] = {"generateName": "a-"}
    assert client.create(path, sent).ok()["metadata"]["name"].startswith("a-")


def test_metadata_that_can_be(client: KubeClient, path: str) -> None:
    sent = widget()
    sent["metadata"] |= {
        "labels": {"a": None}, "annotations": {"A.example.com/B": None}, "finalizers": ["x", "example.com/y"],
        "ownerReferences": [{**OWNER, "controller": None, "unknown": 1}], "managedFields": [None],
        "creationTimestamp": None, "unknown": 1,
    }  # fmt: skip
    told = client.create(f"{path}?dryRun=All", sent).ok()["metadata"]
    assert (told["labels"], told["annotations"]) == ({"a": ""}, {"A.example.com/B": ""})
    assert (told["finalizers"], told["ownerReferences"]) == (["x", "example.com/y"], [OWNER])
    assert "unknown" not in told


def test_nulls_in_what_a_built_in_kind_lists(client: KubeClient, namespace: str, secrets: str) -> None:
    made = client.create(secrets, {"metadata": {"name": "a"}, "data": {"k": None}, "stringData": {"l": None}}).ok()
    assert made["data"] == {"k": "", "l": ""}
    config_maps = f"/api/v1/namespaces/{namespace}/configmaps"
    assert client.create(config_maps, {"metadata": {"name": "a"}, "data": {"k": None}}).ok()["data"] == {"k": ""}


@pytest.mark.parametrize("field", ["apiVersion", "kind", "metadata"])
@pytest.mark.parametrize("value", [5, [], False], ids=str)
def test_what_every_object_has_of_the_wrong_type(client: KubeClient, path: str, field: str, value: Any) -> None:
    assert client.create(path, {**widget(), field: value}).code == 400


def test_an_event_may_be_named_after_its_object(client: KubeClient, namespace: str) -> None:
    about = {"kind": "Widget", "name": "x", "namespace": namespace}
    event = {"metadata": {"generateName": "x."}, "involvedObject": about, "reason": "Seen", "type": "Normal"}
    made = client.create(f"/api/v1/namespaces/{namespace}/events", event)
    assert made.code == 201, made.body
    assert made.body["metadata"]["name"].startswith("x.")
