"""Deletion: at once, after finalizers, under preconditions, and of everything in a namespace."""

from __future__ import annotations

import re
import uuid

from tests.kube.client import KubeClient
from tests.kube.waiting import eventually
from tests.standalone.widgets import GROUP, labelled, widget


def held(name: str = "a") -> dict[str, object]:
    made = widget(name)
    made["metadata"]["finalizers"] = ["example.com/hold"]
    return made


def test_a_deleted_object_is_gone(client: KubeClient, path: str) -> None:
    made = client.create(path, widget()).ok()
    answer = client.delete(f"{path}/a")
    assert answer.code == 200
    assert answer.body["status"] == "Success"
    details = {"name": "a", "group": GROUP, "kind": "widgets", "uid": made["metadata"]["uid"]}
    assert answer.body["details"] == details
    assert client.get(f"{path}/a").code == 404
    assert client.create(path, widget()).ok()["metadata"]["uid"] != made["metadata"]["uid"]


def test_a_finalizer_holds_an_object(client: KubeClient, path: str) -> None:
    client.create(path, held()).ok()
    marked = client.delete(f"{path}/a").ok()
    assert marked["kind"] == "Widget"
    assert re.fullmatch(r"[-0-9]{10}T[0-9:]{8}Z", marked["metadata"]["deletionTimestamp"])
    assert marked["metadata"]["deletionGracePeriodSeconds"] == 0
    assert marked["metadata"]["generation"] == 2
    again = client.delete(f"{path}/a").ok()
    assert again["metadata"]["deletionTimestamp"] == marked["metadata"]["deletionTimestamp"]
    freed = client.patch(f"{path}/a", {"metadata": {"finalizers": None}})
    assert freed.code == 200
    assert client.get(f"{path}/a").code == 404


def test_a_held_object_takes_no_new_finalizer(client: KubeClient, path: str) -> None:
    client.create(path, held()).ok()
    client.delete(f"{path}/a").ok()
    answer = client.patch(f"{path}/a", {"metadata": {"finalizers": ["example.com/hold", "example.com/more"]}})
    assert answer.code == 422
    assert answer.message == (
        f'Widget.{GROUP} "a" is invalid: metadata.finalizers: Forbidden: no new finalizers can be added if the object '
        'is being deleted, found new finalizers []string{"example.com/more"}'
    )
    client.patch(f"{path}/a", {"metadata": {"finalizers": []}}).ok()
    assert client.get(f"{path}/a").code == 404


def test_a_held_object_can_still_change(client: KubeClient, path: str) -> None:
    client.create(path, held()).ok()
    client.delete(f"{path}/a").ok()
    assert client.patch(f"{path}/a", {"spec": {"size": 8}}).ok()["spec"]["size"] == 8
    assert client.patch(f"{path}/a/status", {"status": {"phase": "Ending"}}).ok()["status"] == {"phase": "Ending"}
    client.patch(f"{path}/a", {"metadata": {"finalizers": None}}).ok()


def test_a_deletion_meant_for_another_object(client: KubeClient, path: str) -> None:
    made = client.create(path, widget()).ok()
    answer = client.delete(f"{path}/a", {"preconditions": {"uid": "11111111-2222-3333-4444-555555555555"}})
    assert answer.code == 409
    assert answer.body["reason"] == "Conflict"
    assert answer.message == (
        f'Operation cannot be fulfilled on Widget.{GROUP} "a": the UID in the precondition '
        "(11111111-2222-3333-4444-555555555555) does not match the UID in record "
        f"({made['metadata']['uid']}). The object might have been deleted and then recreated"
    )
    assert answer.body["details"] == {"name": "a", "group": GROUP, "kind": "Widget"}
    answer = client.delete(f"{path}/a", {"preconditions": {"resourceVersion": "1"}})
    assert answer.code == 409
    assert answer.message.endswith(
        "the ResourceVersion in the precondition (1) does not match the ResourceVersion in record "
        f"({made['metadata']['resourceVersion']}). The object might have been modified"
    )
    assert client.delete(f"{path}/a", {"preconditions": {"uid": made["metadata"]["uid"]}}).code == 200


def test_a_collection_is_deleted_by_its_labels(client: KubeClient, path: str) -> None:
    for name, colour in (("a", "red"), ("b", "red"), ("c", "blue")):
        client.create(path, labelled(name, colour=colour)).ok()
    assert client.delete(f"{path}?labelSelector=colour%3Dred").code == 200
    assert [item["metadata"]["name"] for item in client.get(path).ok()["items"]] == ["c"]


def test_a_namespace_takes_its_content_along(client: KubeClient) -> None:
    name = f"ends-{uuid.uuid4().hex[:6]}"
    widgets = f"/apis/{GROUP}/v1/namespaces/{name}/widgets"
    client.create("/api/v1/namespaces", {"metadata": {"name": name}}).ok()
    client.create(widgets, widget()).ok()
    client.create(widgets, held("b")).ok()
    client.create(f"/api/v1/namespaces/{name}/secrets", {"metadata": {"name": "s"}}).ok()
    ending = client.delete(f"/api/v1/namespaces/{name}").ok()
    assert ending["status"]["phase"] == "Terminating"
    eventually(lambda: client.get(f"{widgets}/a").code == 404, "the widget goes")
    eventually(lambda: "deletionTimestamp" in client.get(f"{widgets}/b").body["metadata"], "the held one is marked")
    answer = client.create(widgets, widget("c"))
    assert answer.code == 403
    why = f"unable to create new content in namespace {name} because it is being terminated"
    assert answer.message == f'widgets.{GROUP} "c" is forbidden: {why}'
    client.patch(f"{widgets}/b", {"metadata": {"finalizers": None}}).ok()
    eventually(lambda: client.get(f"/api/v1/namespaces/{name}").code == 404, "the namespace goes")


def test_a_namespace_that_is_not_there(client: KubeClient) -> None:
    answer = client.create(f"/apis/{GROUP}/v1/namespaces/nowhere/widgets", widget())
    assert answer.code == 404
    assert answer.message == 'namespaces "nowhere" not found'
    assert client.get(f"/apis/{GROUP}/v1/namespaces/nowhere/widgets").ok()["items"] == []
