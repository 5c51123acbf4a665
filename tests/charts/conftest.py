"""A cluster for the charts alone: the definitions are cluster-wide, and other tests have theirs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.charts.cluster import Cluster
from tests.kube.client import KubeClient
from tests.kube.fixtures import NO_ASSETS
from tests.kube.servers import ASSETS, RealKubeApi


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A real kube-apiserver; skips where there is none."""
    if not ASSETS:
        pytest.skip(NO_ASSETS)
    with RealKubeApi(tmp_path_factory.mktemp("charts")) as api:
        admin = KubeClient(api.url, api.ca, api.token)
        yield Cluster(api, admin)
        admin.close()
