"""A cluster for the charts alone: the definitions are cluster-wide, and other tests have theirs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.charts.cluster import Cluster
from tests.counterparts import need
from tests.kube.client import KubeClient
from tests.kube.servers import RealKubeApi


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A real kube-apiserver; skips where there is none."""
    need("kube-apiserver")
    with RealKubeApi(tmp_path_factory.mktemp("charts")) as api:
        admin = KubeClient(api.url, api.ca, api.token)
        yield Cluster(api, admin)
        admin.close()
