"""Objects go after their owners; namespaces have their account, and say what keeps them."""

from __future__ import annotations

import uuid
from typing import Any

from tests.kube.client import KubeClient
from tests.kube.waiting import eventually
from tests.standalone.widgets import GROUP, widget


def owner(obj: dict[str, Any]) -> dict[str, Any]:
    about = {"name": obj["metadata"]["name"], "uid": obj["metadata"]["uid"]}
    return {"apiVersion": obj["apiVersion"], "kind": obj["kind"], **about}


def owned(name: str, *owners: dict[str, Any]) -> dict[str, Any]:
    made = widget(name)
    made["metadata"]["ownerReferences"] = list(owners)
    return made


def is_gone(client: KubeClient, path: str) -> bool:
    return client.get(path).code == 404


def test_what_has_an_owner_goes_after_it(client: KubeClient, path: str, secrets: str) -> None:
    top = client.create(path, widget("top")).ok()
    middle = client.create(path, owned("middle", owner(top))).ok()
    client.create(secrets, {"metadata": {"name": "leaf", "ownerReferences": [owner(middle)]}}).ok()
    client.create(path, widget("beside")).ok()
    client.delete(f"{path}/top").ok()
    eventually(lambda: is_gone(client, f"{path}/middle"), "the dependent goes")
    eventually(lambda: is_gone(client, f"{secrets}/leaf"), "the dependent of the dependent goes")
    assert client.get(f"{path}/beside").code == 200


def test_one_of_two_owners_is_enough(client: KubeClient, path: str) -> None:
    first, second = client.create(path, widget("one")).ok(), client.create(path, widget("two")).ok()
    client.create(path, owned("kept", owner(first), owner(second))).ok()
    client.delete(f"{path}/one").ok()
    eventually(
        lambda: client.get(f"{path}/kept").ok()["metadata"]["ownerReferences"] == [owner(second)],
        "the owner that is gone is forgotten",
    )
    client.delete(f"{path}/two").ok()
    eventually(lambda: is_gone(client, f"{path}/kept"), "it goes with its last owner")


def test_what_names_an_owner_that_never_was_goes(client: KubeClient, path: str) -> None:
    nobody = {"apiVersion": f"{GROUP}/v1", "kind": "Widget", "name": "nobody", "uid": str(uuid.uuid4())}
    client.create(path, owned("orphan", nobody)).ok()
    eventually(lambda: is_gone(client, f"{path}/orphan"), "it goes")


def test_an_owner_made_anew_is_another(client: KubeClient, path: str) -> None:
    before = client.create(path, widget("top")).ok()
    client.delete(f"{path}/top").ok()
    client.create(path, widget("top")).ok()
    client.create(path, owned("late", owner(before))).ok()
    eventually(lambda: is_gone(client, f"{path}/late"), "it goes")
    assert client.get(f"{path}/top").code == 200


def test_a_dependent_with_a_finalizer_is_marked(client: KubeClient, path: str) -> None:
    top = client.create(path, widget("top")).ok()
    made = owned("held", owner(top))
    made["metadata"]["finalizers"] = ["example.com/hold"]
    client.create(path, made).ok()
    client.delete(f"{path}/top").ok()
    eventually(lambda: "deletionTimestamp" in client.get(f"{path}/held").ok()["metadata"], "it is marked")
    client.patch(f"{path}/held", {"metadata": {"finalizers": None}}).ok()
    eventually(lambda: is_gone(client, f"{path}/held"), "it goes")


def test_an_owner_of_a_kind_that_nobody_serves_keeps_its_object(client: KubeClient, path: str) -> None:
    unknown = {"apiVersion": "nothing.example.com/v1", "kind": "Thing", "name": "x", "uid": str(uuid.uuid4())}
    client.create(path, owned("kept", unknown)).ok()
    top = client.create(path, widget("top")).ok()
    client.create(path, owned("after", owner(top))).ok()
    client.delete(f"{path}/top").ok()
    eventually(lambda: is_gone(client, f"{path}/after"), "the collector has had its turn")
    assert client.get(f"{path}/kept").code == 200


def test_every_namespace_has_a_default_account(client: KubeClient, namespace: str) -> None:
    accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    eventually(lambda: client.get(f"{accounts}/default").code == 200, "it is made")
    first = client.get(f"{accounts}/default").ok()["metadata"]["uid"]
    client.delete(f"{accounts}/default").ok()
    eventually(
        lambda: client.get(f"{accounts}/default").body.get("metadata", {}).get("uid", first) != first,
        "it is made again",
    )


def test_an_ending_namespace_says_what_it_waits_for(client: KubeClient) -> None:
    name = f"ends-{uuid.uuid4().hex[:6]}"
    space, things = f"/api/v1/namespaces/{name}", f"/apis/{GROUP}/v1/namespaces/{name}/widgets"
    client.create("/api/v1/namespaces", {"metadata": {"name": name}}).ok()
    held = widget("held")
    held["metadata"]["finalizers"] = ["example.com/hold"]
    client.create(things, held).ok()
    ending = client.delete(space).ok()
    assert ending["status"]["phase"] == "Terminating"
    assert ending["spec"]["finalizers"] == ["kubernetes"]

    def waits_for() -> str:
        conditions = client.get(space).ok()["status"].get("conditions") or []
        return "".join(each["message"] for each in conditions if each["type"] == "NamespaceFinalizersRemaining")

    told = "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances"
    eventually(lambda: waits_for() == told, "it says so")
    client.patch(f"{things}/held", {"metadata": {"finalizers": None}}).ok()
    eventually(lambda: is_gone(client, space), "it goes")


def test_a_namespace_cannot_be_finished_by_an_edit(client: KubeClient, namespace: str) -> None:
    changed = client.patch(f"/api/v1/namespaces/{namespace}", {"spec": {"finalizers": None}}).ok()
    assert changed["spec"]["finalizers"] == ["kubernetes"]
