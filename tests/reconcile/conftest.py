"""A namespace of its own for each test, on each of the API servers."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from jumplab_operator.resources import schema
from tests.kube.client import KubeClient
from tests.kube.servers import KubeApi
from tests.reconcile.world import CUSTOM, World

_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.fixture
def world(kube_api: KubeApi) -> Iterator[World]:
    made = make_world(kube_api)
    yield made
    made.client.delete(f"/api/v1/namespaces/{made.namespace}")
    made.client.close()


def make_world(api: KubeApi) -> World:
    """A namespace with a client `ci`, on an API server that has the CRDs."""
    client = KubeClient(api.url, api.ca, api.token)
    for manifest in schema.manifests().values():
        assert client.create(_CRDS, manifest).code in (201, 409)
    for kind in schema.KINDS:
        while client.get(f"{CUSTOM}/{kind.PLURAL}").code != 200:
            pass
    namespace = f"lab-{uuid.uuid4().hex[:8]}"
    client.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}).ok()
    world = World(api, client, namespace)
    world.create("Client", "ci", {}, {"team": "kernel"})
    return world
