"""A namespace of its own for each test, on each of the API servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kube.servers import KubeApi
from tests.reconcile.world import World, make_world


@pytest.fixture
def world(kube_api: KubeApi) -> Iterator[World]:
    made = make_world(kube_api)
    yield made
    made.client.delete(f"/api/v1/namespaces/{made.namespace}")
    made.client.close()
