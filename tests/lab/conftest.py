"""Labs that live as long as the tests: one in each home. Each test brings exporters and leases of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.counterparts import need
from tests.kube.servers import RealKubeApi
from tests.lab.homes import OnCluster, OneMachine
from tests.lab.lab import Lab, check_invariants


@pytest.fixture(scope="session")
def one_machine_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab whose control plane is one process."""
    folder = tmp_path_factory.mktemp("one-machine")
    with Lab(OneMachine(folder), folder) as lab:
        yield lab


@pytest.fixture(scope="session")
def cluster_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnCluster]:
    """An operator and a real kube-apiserver of its own, which a test may kill; skips where there is none."""
    need("kube-apiserver")
    with RealKubeApi(tmp_path_factory.mktemp("real")) as api:
        yield OnCluster(tmp_path_factory.mktemp("cluster"), api)


@pytest.fixture(scope="session")
def cluster_lab(cluster_home: OnCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab whose operator serves a real kube-apiserver."""
    with Lab(cluster_home, tmp_path_factory.mktemp("cluster-lab")) as lab:
        yield lab


@pytest.fixture(params=["one machine", "cluster"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """The lab in each home in turn: what a test asserts holds in both, and so does what always must."""
    lab: Lab = request.getfixturevalue("one_machine_lab" if request.param == "one machine" else "cluster_lab")
    yield lab
    check_invariants(lab)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A disk with a FAT file system and two files in it."""
    from jumplab_exporter.testing.fat_image import make_fat_image

    path = tmp_path / "disk.img"
    path.write_bytes(make_fat_image({"hello.txt": b"Hello!\n", "boot.bin": bytes(5000)}))
    return path
