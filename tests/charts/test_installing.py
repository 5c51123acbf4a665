"""Helm installs, upgrades and uninstalls the charts on a real API server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import helm_python as helm
import pytest

from tests.charts.cluster import CUSTOM, DEFINITIONS, Cluster, older_release, spec_properties
from tests.charts.matrix import (
    CASES,
    JUMPLAB,
    JUMPLAB_VALUES,
    LAB,
    LAB_VALUES,
    Plain,
    case_id,
    objects,
    release_of,
    rendered,
)

LEASES = f"{DEFINITIONS}/leases.jumpstarter.dev"


def test_an_upgrade_brings_definitions_up_to_date_and_uninstalling_leaves_the_lab(
    cluster: Cluster, tmp_path: Path
) -> None:
    namespace = cluster.namespace("upgraded")
    client = {"apiVersion": "jumpstarter.dev/v1alpha1", "kind": "Client", "metadata": {"name": "me"}, "spec": {}}
    clients = f"{CUSTOM}/namespaces/{namespace}/clients"
    with cluster.helm(namespace) as releases:
        releases.install(older_release(tmp_path), "jumplab")
        assert "tags" not in spec_properties(cluster.admin.get(LEASES).ok())
        cluster.until_served("clients")
        cluster.admin.create(clients, client).ok()

        releases.upgrade(JUMPLAB, "jumplab")
        assert "tags" in spec_properties(cluster.admin.get(LEASES).ok())

        releases.uninstall("jumplab")
        assert cluster.admin.get(f"{clients}/me").code == 200
        assert cluster.admin.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/jumplab").code == 404

        releases.install(JUMPLAB, "jumplab", {"crds": {"keep": False}})
        assert cluster.admin.get(f"{clients}/me").code == 200

        releases.uninstall("jumplab")
        until_gone(cluster, LEASES)


@pytest.fixture(scope="module")
def defined(cluster: Cluster) -> Iterator[Cluster]:
    """The cluster with our definitions, and with as much of cert-manager's as the chart uses."""
    with cluster.helm(cluster.namespace("definitions")) as releases:
        only_definitions = {"rbac": {"create": False}, "networkPolicy": {"enabled": False}, "crds": {"keep": False}}
        releases.install(JUMPLAB, "definitions", only_definitions)
        cluster.admin.create(DEFINITIONS, _certificates()).ok()
        cluster.until_served("clients", "exporters", "leases", "exporteraccesspolicies")
        while cluster.admin.get("/apis/cert-manager.io/v1/certificates").code != 200:
            pass
        yield cluster
        releases.uninstall("definitions")
        cluster.admin.delete(f"{DEFINITIONS}/certificates.cert-manager.io").ok()
    until_gone(cluster, LEASES)


@pytest.mark.parametrize(("chart", "name", "values"), CASES, ids=case_id)
def test_every_object_is_taken_by_a_real_api_server(defined: Cluster, chart: Path, name: str, values: Plain) -> None:
    namespace = defined.namespace(f"{chart.name}-{name.replace(' ', '-')}".replace("'", ""))
    if chart is JUMPLAB:
        values = {**values, "crds": {"install": False}}
    for served in values.get("namespaces", []):
        defined.namespace(served)
    wanted = [it for it in rendered(chart, values, namespace) if it["apiVersion"] in served_versions(defined)]
    with defined.helm(namespace) as releases:
        manifest = releases.install(chart, release_of(chart), values).get("manifest", "")
        try:
            made = objects(manifest)
            assert sorted(path_of(it, namespace) for it in made) == sorted(path_of(it, namespace) for it in wanted)
            assert all(defined.admin.get(path_of(it, namespace)).code == 200 for it in made)
        finally:
            releases.uninstall(release_of(chart))


def test_a_disruption_budget_is_all_that_an_old_cluster_goes_without(defined: Cluster) -> None:
    lacking = {it["kind"] for it in rendered(JUMPLAB, {}) if it["apiVersion"] not in served_versions(defined)}
    assert lacking <= {"PodDisruptionBudget"}


def served_versions(cluster: Cluster) -> set[str]:
    """The API versions of the cluster."""
    groups = cluster.admin.get("/apis").ok()["groups"]
    return {"v1", *(version["groupVersion"] for group in groups for version in group["versions"])}


@pytest.mark.parametrize(("keep", "left"), [(False, 404), (True, 200)])
def test_people_lose_access_with_their_entry_unless_they_are_to_be_kept(
    defined: Cluster, keep: bool, left: int
) -> None:
    namespace = defined.namespace(f"people-{keep}".lower())
    values = {**LAB_VALUES["people and hosts"], "keep": keep}
    ci = f"{CUSTOM}/namespaces/{namespace}/clients/ci"
    with defined.helm(namespace) as releases:
        releases.install(LAB, "lab", values)
        assert defined.admin.get(ci).ok()["spec"] == {"username": "ci@example.com", "enabled": True}
        releases.upgrade(LAB, "lab", {**values, "clients": {"me": {}}})
        assert defined.admin.get(ci).code == left
        releases.uninstall("lab")
        assert defined.admin.get(f"{CUSTOM}/namespaces/{namespace}/exporters/bench-1").code == left


def test_a_refused_upgrade_changes_nothing(defined: Cluster) -> None:
    namespace = defined.namespace("refused")
    where = f"/apis/apps/v1/namespaces/{namespace}/deployments/jumplab"
    with defined.helm(namespace) as releases:
        releases.install(JUMPLAB, "jumplab", {**JUMPLAB_VALUES["placed"], "crds": {"install": False}})
        before = defined.admin.get(where).ok()
        with pytest.raises(helm.HelmError, match="at '/service/port': got string, want integer"):
            releases.upgrade(JUMPLAB, "jumplab", {"crds": {"install": False}, "service": {"port": "grpc"}})
        assert defined.admin.get(where).ok() == before
        releases.uninstall("jumplab")


def until_gone(cluster: Cluster, path: str) -> None:
    for _ in range(2000):  # each answer is the wait
        if cluster.admin.get(path).code == 404:
            return
    raise AssertionError(f"{path} is still there")


PLURALS = {"NetworkPolicy": "networkpolicies", "ExporterAccessPolicy": "exporteraccesspolicies"}


def path_of(made: Plain, namespace: str) -> str:
    """Where an object is in the API."""
    plural = PLURALS.get(made["kind"], f"{made['kind'].lower()}s")
    root = f"/api/{made['apiVersion']}" if "/" not in made["apiVersion"] else f"/apis/{made['apiVersion']}"
    within = "" if made["kind"].startswith("Cluster") else f"/namespaces/{made['metadata'].get('namespace', namespace)}"
    return f"{root}{within}/{plural}/{made['metadata']['name']}"


def _certificates() -> Plain:
    """cert-manager's Certificate, with the fields that the chart writes and no others."""
    text = {"type": "string"}
    texts = {"type": "array", "items": text}
    key = {"type": "object", "properties": {"algorithm": text, "size": {"type": "integer"}, "rotationPolicy": text}}
    issuer = {"type": "object", "required": ["name"], "properties": {"name": text, "kind": text, "group": text}}
    spec = {
        "type": "object",
        "required": ["secretName", "issuerRef"],
        "properties": {
            "secretName": text,
            "issuerRef": issuer,
            "usages": texts,
            "privateKey": key,
            "dnsNames": texts,
            "ipAddresses": texts,
        },
    }
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "certificates.cert-manager.io"},
        "spec": {
            "group": "cert-manager.io",
            "scope": "Namespaced",
            "names": {"kind": "Certificate", "plural": "certificates", "singular": "certificate"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }
