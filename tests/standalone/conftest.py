"""A client for each of the two servers, a namespace for each test, and the widgets."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.kube.client import CRDS, KubeClient
from tests.kube.servers import KubeApi, StandaloneApi
from tests.kube.waiting import eventually
from tests.standalone import widgets


@pytest.fixture(scope="session")
def client(kube_api: KubeApi) -> Iterator[KubeClient]:
    """A client of the server under test, which serves widgets."""
    yield from _client(kube_api)


@pytest.fixture(scope="session")
def ours(standalone_api: StandaloneApi) -> Iterator[KubeClient]:
    """A client of the standalone API, for where kube-apiserver does otherwise; it serves widgets."""
    yield from _client(standalone_api)


def _client(api: KubeApi) -> Iterator[KubeClient]:
    client = KubeClient(api.url, api.ca, api.token)
    assert client.create(CRDS, widgets.crd()).code in (201, 409)  # another test, or another worker, may have been here
    eventually(lambda: client.get(f"/apis/{widgets.GROUP}/v1/widgets").code == 200, "widgets are served")
    # A kubectl that checks fields by itself reads them here, where a real server publishes them some time later.
    eventually(
        lambda: "com.example.widgets.v1.Widget" in str(client.get("/openapi/v2").body),
        "the fields of widgets are published",
    )
    yield client
    client.close()


@pytest.fixture
def namespace(client: KubeClient) -> Iterator[str]:
    """A namespace of the test's own."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    client.create("/api/v1/namespaces", {"metadata": {"name": name}}).ok()
    yield name
    client.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture
def path(namespace: str) -> str:
    """Where the test's widgets are."""
    return f"/apis/{widgets.GROUP}/v1/namespaces/{namespace}/widgets"


@pytest.fixture
def secrets(namespace: str) -> str:
    """Where the test's secrets are."""
    return f"/api/v1/namespaces/{namespace}/secrets"
