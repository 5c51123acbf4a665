"""Objects: created, read, updated, with versions, generations and a status of their own."""

from __future__ import annotations

import re

from tests.kube.client import KubeClient
from tests.standalone.widgets import GROUP, labelled, widget


def test_a_created_object_gets_an_identity(client: KubeClient, path: str, namespace: str) -> None:
    answer = client.create(path, widget())
    assert answer.code == 201
    metadata = answer.body["metadata"]
    assert metadata["namespace"] == namespace
    assert metadata["generation"] == 1
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", metadata["uid"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", metadata["creationTimestamp"])
    assert metadata["resourceVersion"].isdecimal()
    assert client.get(f"{path}/a").ok()["metadata"]["uid"] == metadata["uid"]


def test_what_a_client_says_about_system_fields_is_ignored(client: KubeClient, path: str) -> None:
    sent = widget()
    sent["metadata"] |= {"uid": "mine", "generation": 7, "creationTimestamp": "2001-01-01T00:00:00Z"}
    metadata = client.create(path, sent).ok()["metadata"]
    assert metadata["uid"] != "mine"
    assert metadata["generation"] == 1
    assert not metadata["creationTimestamp"].startswith("2001")


def test_a_generated_name_begins_as_asked(client: KubeClient, path: str) -> None:
    sent = widget()
    sent["metadata"] = {"generateName": "gen-"}
    name = client.create(path, sent).ok()["metadata"]["name"]
    assert re.fullmatch(r"gen-[a-z0-9]{5}", name)


def test_an_object_exists_once(client: KubeClient, path: str) -> None:
    client.create(path, widget()).ok()
    answer = client.create(path, widget())
    assert answer.code == 409
    assert answer.body["reason"] == "AlreadyExists"
    assert answer.message == f'widgets.{GROUP} "a" already exists'
    assert answer.body["details"] == {"name": "a", "group": GROUP, "kind": "widgets"}


def test_an_object_that_is_not_there(client: KubeClient, path: str) -> None:
    for answer in (client.get(f"{path}/b"), client.delete(f"{path}/b"), client.patch(f"{path}/b", {})):
        assert answer.code == 404
        assert answer.body["reason"] == "NotFound"
        assert answer.message == f'widgets.{GROUP} "b" not found'
        assert answer.body["details"] == {"name": "b", "group": GROUP, "kind": "widgets"}


def test_an_update_replaces_the_spec_and_counts_a_generation(client: KubeClient, path: str) -> None:
    made = client.create(path, widget(code="abc")).ok()
    made["spec"] = {"size": 4}
    changed = client.update(f"{path}/a", made).ok()
    assert changed["spec"] == {"size": 4, "colour": "red", "enabled": True}
    assert changed["metadata"]["generation"] == 2
    assert int(changed["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])


def test_labels_do_not_count_a_generation(client: KubeClient, path: str) -> None:
    client.create(path, widget()).ok()
    changed = client.patch(f"{path}/a", {"metadata": {"labels": {"x": "y"}}}).ok()
    assert changed["metadata"]["generation"] == 1
    assert changed["metadata"]["labels"] == {"x": "y"}


def test_an_update_of_a_stale_version_is_a_conflict(client: KubeClient, path: str) -> None:
    made = client.create(path, widget()).ok()
    client.patch(f"{path}/a", {"spec": {"size": 5}}).ok()
    answer = client.update(f"{path}/a", made)
    assert answer.code == 409
    assert answer.body["reason"] == "Conflict"
    assert answer.message == (
        f'Operation cannot be fulfilled on widgets.{GROUP} "a": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )


def test_an_update_must_name_its_version(client: KubeClient, path: str) -> None:
    client.create(path, widget()).ok()
    answer = client.update(f"{path}/a", widget())
    assert answer.code == 422
    assert answer.message == (
        f'widgets.{GROUP} "a" is invalid: metadata.resourceVersion: Invalid value: 0x0: must be specified for an update'
    )


def test_a_secret_is_updated_without_naming_a_version(client: KubeClient, secrets: str) -> None:
    client.create(secrets, {"metadata": {"name": "s"}, "data": {"a": "MQ=="}}).ok()
    changed = client.update(f"{secrets}/s", {"metadata": {"name": "s"}, "data": {"a": "Mg=="}}).ok()
    assert changed["data"] == {"a": "Mg=="}


def test_plain_text_of_a_secret_is_stored_encoded(client: KubeClient, secrets: str) -> None:
    made = client.create(secrets, {"metadata": {"name": "s"}, "stringData": {"a": "1"}, "data": {"b": "Mg=="}}).ok()
    assert made["data"] == {"a": "MQ==", "b": "Mg=="}
    assert made["type"] == "Opaque"
    assert "stringData" not in made


def test_an_update_that_changes_nothing_keeps_the_version(client: KubeClient, path: str) -> None:
    made = client.create(path, widget()).ok()
    assert client.update(f"{path}/a", made).version == made["metadata"]["resourceVersion"]
    assert client.patch(f"{path}/a", {}).version == made["metadata"]["resourceVersion"]


def test_an_update_that_names_no_version_and_changes_nothing_keeps_it(client: KubeClient, secrets: str) -> None:
    sent = {"metadata": {"name": "a"}, "data": {"k": "Yg=="}}
    made = client.create(secrets, sent).ok()
    assert client.update(f"{secrets}/a", sent).version == made["metadata"]["resourceVersion"]


def test_the_status_has_a_door_of_its_own(client: KubeClient, path: str) -> None:
    made = client.create(path, {**widget(), "status": {"phase": "Early"}}).ok()
    assert "status" not in made
    assert "status" not in client.patch(f"{path}/a", {"status": {"phase": "Wrong"}}).ok()
    sent = {"status": {"phase": "Fine"}, "spec": {"size": 9}, "metadata": {"labels": {"no": "no"}}}
    changed = client.patch(f"{path}/a/status", sent).ok()
    assert changed["status"] == {"phase": "Fine"}
    assert changed["spec"]["size"] == 3
    assert "labels" not in changed["metadata"]
    assert changed["metadata"]["generation"] == 1
    assert client.get(f"{path}/a/status").ok()["status"] == {"phase": "Fine"}
    changed["spec"]["size"] = 4
    del changed["status"]
    assert client.update(f"{path}/a", changed).ok()["status"] == {"phase": "Fine"}


def test_a_status_of_a_stale_version_is_a_conflict(client: KubeClient, path: str) -> None:
    made = client.create(path, widget()).ok()
    client.patch(f"{path}/a/status", {"status": {"phase": "One"}}).ok()
    sent = {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}, "status": {"phase": "Two"}}
    assert client.patch(f"{path}/a/status", sent).code == 409


def test_another_uid_is_a_conflict(client: KubeClient, path: str) -> None:
    made = client.create(path, widget()).ok()
    made["metadata"]["uid"] = "11111111-2222-3333-4444-555555555555"
    answer = client.update(f"{path}/a", made)
    assert answer.code == 409
    assert "Precondition failed: UID in precondition" in answer.message


def test_each_served_version_shows_the_same_object(client: KubeClient, path: str) -> None:
    client.create(path, labelled("a", x="1")).ok()
    other = path.replace("/v1/", "/v1beta1/")
    shown = client.get(f"{other}/a").ok()
    assert shown["apiVersion"] == f"{GROUP}/v1beta1"
    assert shown["spec"]["size"] == 3
    assert client.get(other).ok()["items"][0]["apiVersion"] == f"{GROUP}/v1beta1"
    changed = client.patch(f"{other}/a", {"spec": {"size": 6}}).ok()
    assert changed["apiVersion"] == f"{GROUP}/v1beta1"
    assert client.get(f"{path}/a").ok()["spec"]["size"] == 6


def test_a_dry_run_answers_and_stores_nothing(client: KubeClient, path: str) -> None:
    assert client.create(f"{path}?dryRun=All", widget()).code == 201
    assert client.get(f"{path}/a").code == 404
    client.create(path, widget()).ok()
    assert client.patch(f"{path}/a?dryRun=All", {"spec": {"size": 7}}).ok()["spec"]["size"] == 7
    assert client.get(f"{path}/a").ok()["spec"]["size"] == 3
    assert client.delete(f"{path}/a?dryRun=All").code == 200
    assert client.get(f"{path}/a").code == 200


def test_a_coordination_lease_is_kept_as_sent(client: KubeClient, namespace: str) -> None:
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
    spec = {"holderIdentity": "me", "leaseDurationSeconds": 15, "renewTime": "2024-01-01T00:00:00.123456Z"}
    made = client.create(leases, {"metadata": {"name": "leader"}, "spec": spec}).ok()
    assert made["spec"] == spec
    made["spec"]["holderIdentity"] = "you"
    assert client.update(f"{leases}/leader", made).code == 200
    assert client.update(f"{leases}/leader", made).code == 409


def test_an_event_is_recorded(client: KubeClient, namespace: str) -> None:
    events = f"/api/v1/namespaces/{namespace}/events"
    about = {"kind": "Widget", "name": "a", "namespace": namespace, "uid": "u1"}
    sent = {
        "metadata": {"generateName": "e-"},
        "involvedObject": about,
        "reason": "Made",
        "type": "Normal",
        "message": "m",
    }
    client.create(events, sent).ok()
    assert len(client.get(f"{events}?fieldSelector=involvedObject.name=a,involvedObject.uid=u1").ok()["items"]) == 1
    assert client.get(f"{events}?fieldSelector=involvedObject.name=b").ok()["items"] == []
