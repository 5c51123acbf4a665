"""Fixtures with API servers: `real_kube_api` and `standalone_api`, started once for all tests, and `kube_api`, both."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kube.servers import ASSETS, KubeApi, RealKubeApi, StandaloneApi

NO_ASSETS = (
    "KUBEBUILDER_ASSETS is not set: it names a folder with kube-apiserver, kube-controller-manager and etcd, "
    "and without it nothing is compared with the real server"
)


@pytest.fixture(scope="session")
def real_kube_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealKubeApi]:
    """A real kube-apiserver with its controller manager; skips where there is none."""
    if not ASSETS:
        pytest.skip(NO_ASSETS)
    with RealKubeApi(tmp_path_factory.mktemp("real"), controllers=True) as api:
        yield api


@pytest.fixture(scope="session")
def standalone_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandaloneApi]:
    """The standalone API in a process of its own."""
    with StandaloneApi(tmp_path_factory.mktemp("standalone")) as api:
        yield api


@pytest.fixture(scope="session", params=["standalone", "real"])
def kube_api(request: pytest.FixtureRequest) -> KubeApi:
    """Each of the two API servers in turn: what a test asserts must hold for both."""
    api: KubeApi = request.getfixturevalue("standalone_api" if request.param == "standalone" else "real_kube_api")
    return api
