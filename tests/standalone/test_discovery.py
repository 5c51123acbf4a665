"""Discovery, health, and CRDs that come, change and go."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kube.client import CRDS, KubeClient
from tests.kube.servers import KubeApi
from tests.kube.waiting import eventually
from tests.standalone import widgets
from tests.standalone.widgets import GROUP, widget


def resources(client: KubeClient, path: str) -> dict[str, Any]:
    return {each["name"]: each for each in client.get(path).ok()["resources"]}


def test_health_needs_no_token(kube_api: KubeApi) -> None:
    stranger = KubeClient(kube_api.url, kube_api.ca, "")
    for path in ("/healthz", "/livez", "/readyz"):
        assert stranger.get(path).body == b"ok"
    stranger.close()


def test_the_version_is_told(client: KubeClient) -> None:
    body = client.get("/version").ok()
    assert body["major"] == "1"
    assert body["gitVersion"].startswith("v1.")


def test_the_groups_are_told(client: KubeClient) -> None:
    assert client.get("/api").ok()["versions"] == ["v1"]
    groups = {group["name"]: group for group in client.get("/apis").ok()["groups"]}
    assert {GROUP, "apiextensions.k8s.io", "coordination.k8s.io"} <= set(groups)
    assert [each["version"] for each in groups[GROUP]["versions"]] == ["v1", "v1beta1"]
    assert groups[GROUP]["preferredVersion"] == {"groupVersion": f"{GROUP}/v1", "version": "v1"}
    assert client.get(f"/apis/{GROUP}").ok()["kind"] == "APIGroup"


def test_the_resources_of_a_custom_group_are_told(client: KubeClient) -> None:
    found = resources(client, f"/apis/{GROUP}/v1")
    assert set(found) == {"widgets", "widgets/status"}
    told = found["widgets"]
    assert (told["kind"], told["singularName"], told["namespaced"]) == ("Widget", "widget", True)
    assert (told["shortNames"], told["categories"]) == (["wid"], ["toys"])
    verbs = {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}
    assert set(told["verbs"]) == verbs
    assert set(found["widgets/status"]["verbs"]) == {"get", "patch", "update"}


def test_the_built_in_resources_are_told(client: KubeClient) -> None:
    core = resources(client, "/api/v1")
    assert {"namespaces", "secrets", "events"} <= set(core)
    assert core["namespaces"]["namespaced"] is False
    assert "leases" in resources(client, "/apis/coordination.k8s.io/v1")
    assert "crd" in resources(client, "/apis/apiextensions.k8s.io/v1")["customresourcedefinitions"]["shortNames"]


def test_a_crd_is_established_and_told_so(client: KubeClient) -> None:
    made = client.get(f"{CRDS}/widgets.{GROUP}").ok()
    conditions = {each["type"]: each["status"] for each in made["status"]["conditions"]}
    assert conditions == {"NamesAccepted": "True", "Established": "True"}
    assert made["status"]["storedVersions"] == ["v1"]
    assert made["status"]["acceptedNames"]["listKind"] == "WidgetList"
    assert made["spec"]["conversion"] == {"strategy": "None"}


def test_a_crd_comes_changes_and_goes(client: KubeClient) -> None:
    group = "passing.example.com"
    name, path = f"things.{group}", f"/apis/{group}/v1/namespaces/default/things"
    client.create(CRDS, widgets.crd("things", group)).ok()
    eventually(lambda: client.get(path).code == 200, "things are served")
    sent = {**widget(), "apiVersion": f"{group}/v1", "kind": "Thing"}
    client.create(path, sent).ok()
    crd = client.get(f"{CRDS}/{name}").ok()
    for version in crd["spec"]["versions"]:
        version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["size"]["maximum"] = 4
    changed = client.update(f"{CRDS}/{name}", crd).ok()
    assert changed["metadata"]["generation"] == 2
    eventually(lambda: client.patch(f"{path}/a", {"spec": {"size": 5}}).code == 422, "the new schema holds")
    client.delete(f"{CRDS}/{name}").ok()
    eventually(lambda: client.get(path).code == 404, "things are no longer served")
    eventually(lambda: client.get(f"{CRDS}/{name}").code == 404, "the definition is gone")
    client.create(CRDS, widgets.crd("things", group)).ok()
    eventually(lambda: client.get(path).code == 200, "things are served again")
    assert client.get(path).ok()["items"] == []
    client.delete(f"{CRDS}/{name}").ok()


def test_a_crd_that_defines_nothing(client: KubeClient) -> None:
    wrong = widgets.crd("wrongs")
    wrong["metadata"]["name"] = "other.example.com"
    answer = client.create(CRDS, wrong)
    assert answer.code == 422
    assert "metadata.name" in {cause["field"] for cause in answer.body["details"]["causes"]}
    unversioned = widgets.crd("wrongs")
    for version in unversioned["spec"]["versions"]:
        version["storage"] = False
    assert "spec.versions" in {c["field"] for c in client.create(CRDS, unversioned).body["details"]["causes"]}
    unscoped = widgets.crd("wrongs", scope="Everywhere")
    assert "spec.scope" in {c["field"] for c in client.create(CRDS, unscoped).body["details"]["causes"]}
    for version in (bare := widgets.crd("wrongs"))["spec"]["versions"]:
        del version["schema"]
    fields = {c["field"] for c in client.create(CRDS, bare).body["details"]["causes"]}
    assert "spec.versions[0].schema.openAPIV3Schema" in fields


@pytest.mark.parametrize("spec", [None, "text", {"names": "text"}, {"names": {}, "versions": ["v1"]}], ids=str)
def test_a_crd_of_the_wrong_shape(client: KubeClient, spec: object) -> None:
    answer = client.create(CRDS, {**widgets.crd("wrongs"), "spec": spec})
    assert answer.code in (400, 422, 500)  # kube-apiserver 1.20 blames itself for some
    assert client.get(f"{CRDS}/wrongs.{GROUP}").code == 404


def test_a_version_that_is_not_served(client: KubeClient) -> None:
    group = "unserved.example.com"
    crd = widgets.crd("hiddens", group)
    crd["spec"]["versions"][1]["served"] = False
    client.create(CRDS, crd).ok()
    eventually(lambda: client.get(f"/apis/{group}/v1/hiddens").code == 200, "the served version is there")
    assert client.get(f"/apis/{group}/v1beta1/hiddens").code == 404
    client.delete(f"{CRDS}/hiddens.{group}").ok()


def test_a_cluster_scoped_resource(client: KubeClient) -> None:
    group = "wide.example.com"
    client.create(CRDS, widgets.crd("halls", group, scope="Cluster")).ok()
    path = f"/apis/{group}/v1/halls"
    eventually(lambda: client.get(path).code == 200, "halls are served")
    made = client.create(path, {**widget(), "apiVersion": f"{group}/v1", "kind": "Hall"}).ok()
    assert "namespace" not in made["metadata"]
    assert client.get(f"{path}/a").ok()["spec"]["size"] == 3
    assert client.get(f"/apis/{group}/v1/namespaces/default/halls").code == 404
    client.delete(f"{CRDS}/halls.{group}").ok()
