"""Fixtures with API servers: `real_kube_api` and `standalone_api`, started once for all tests, and `kube_api`, both."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.counterparts import need
from tests.kube.servers import KubeApi, RealKubeApi, SharedKubeApi, StandaloneApi


@pytest.fixture(scope="session")
def real_kube_api(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeApi]:
    """A real kube-apiserver with its controller manager, which nobody may stop: all workers share it."""
    need("kube-apiserver")
    shared = getattr(request.config, "workerinput", {}).get("real_kube_api")
    if shared is None:
        with RealKubeApi(tmp_path_factory.mktemp("real"), controllers=True) as api:
            yield api
    else:
        api = SharedKubeApi.at(shared)
        api.wait()
        yield api


@pytest.fixture(scope="session")
def standalone_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandaloneApi]:
    """The standalone API in a process of its own; each worker has one."""
    with StandaloneApi(tmp_path_factory.mktemp("standalone")) as api:
        yield api


@pytest.fixture(scope="session", params=["standalone", "real"])
def kube_api(request: pytest.FixtureRequest) -> KubeApi:
    """Each of the two API servers in turn: what a test asserts must hold for both."""
    api: KubeApi = request.getfixturevalue("standalone_api" if request.param == "standalone" else "real_kube_api")
    return api
