"""A real cluster's API for the charts, Helm for it, and service accounts as what they are: tokens under RBAC."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import helm_python as helm
import yaml

from jumplab_operator.kube.access import KubeAccess
from tests.charts.matrix import JUMPLAB
from tests.kube.client import KubeClient
from tests.kube.servers import RealKubeApi

Plain = dict[str, Any]
CUSTOM = "/apis/jumpstarter.dev/v1alpha1"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
BOUND_SECONDS = 240


@dataclass(frozen=True)
class Cluster:
    """An API server that knows nothing of Jumplab yet, and its administrator."""

    api: RealKubeApi
    admin: KubeClient

    def helm(self, namespace: str) -> helm.Config:
        """Helm's library for a namespace; close it."""
        return helm.Config(kubeconfig_path=self.api.kubeconfig, namespace=namespace)

    def namespace(self, name: str) -> str:
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        assert self.admin.create("/api/v1/namespaces", body).code in (201, 409)
        return name

    def token(self, namespace: str, account: str) -> str:
        """A service account's token, as the kubelet asks for it."""
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        where = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        return str(self.admin.create(where, request).ok()["status"]["token"])

    def access(self, token: str) -> KubeAccess:
        return KubeAccess(self.api.url, self.api.ca.read_text(), token)

    def until_served(self, *plurals: str) -> None:
        for plural in plurals:
            while self.admin.get(f"{CUSTOM}/{plural}").code != 200:
                pass  # each answer is the wait: served within a second of the definition

    def until_allowed(self, token: str, allowed: bool, **attributes: str) -> None:
        """Returns once the API server's authorizer has taken a change of roles over."""
        deadline = time.monotonic() + BOUND_SECONDS
        mine = KubeClient(self.api.url, self.api.ca, token)
        try:
            while may(mine, **attributes) is not allowed:
                assert time.monotonic() < deadline, f"still not {allowed}: {attributes}"
        finally:
            mine.close()


def may(client: KubeClient, **attributes: str) -> bool:
    """Whether whoever asks may do something. attributes: of a SelfSubjectAccessReview."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    return bool(
        client.create("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review).ok()["status"]["allowed"]
    )


def older_release(folder: Path) -> Path:
    """The chart as an older release may have been: its Lease knows no tags yet."""
    chart = folder / "older" / "jumplab"
    shutil.copytree(JUMPLAB, chart)
    metadata = yaml.safe_load((chart / "Chart.yaml").read_text())
    (chart / "Chart.yaml").write_text(yaml.safe_dump({**metadata, "version": "0.0.9"}))
    file = chart / "files" / "crds" / "jumpstarter.dev_leases.yaml"
    definition = yaml.safe_load(file.read_text())
    del spec_properties(definition)["tags"]
    file.write_text(yaml.safe_dump(definition))
    return chart


def spec_properties(definition: Plain) -> Plain:
    """The properties of a definition's spec."""
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    properties: Plain = schema["properties"]["spec"]["properties"]
    return properties
