"""The README, pasted into terminals from its first block to its last, on two machines and a cluster."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.charts.cluster import Cluster
from tests.charts.on_chart import OnChart
from tests.client.test_board_types import mypy
from tests.docs.cluster_of_page import helm_install
from tests.docs.pages import Block, all_blocks
from tests.docs.reader import Reader
from tests.docs.walk import Replacement, walk

PAGE = "README.md"


@pytest.fixture
def reader(tmp_path: Path, cluster: Cluster) -> Iterator[Reader]:
    """Somebody in a checkout whose `.venv` is that of this run, with a kubeconfig of a cluster."""
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / ".venv").symlink_to(sys.prefix)
    with Reader(tmp_path, checkout) as reader:
        (reader.home / ".kube").mkdir()
        (reader.home / ".kube" / "config").write_bytes(cluster.api.kubeconfig.read_bytes())
        yield reader


@pytest.mark.needs("two-machines")
@pytest.mark.needs("kubectl")
def test_the_readme_works_as_printed(reader: Reader, cluster: Cluster) -> None:
    installed: list[OnChart] = []

    def install(step: Block) -> None:
        installed.append(helm_install(step, cluster, reader.folder))

    replaced: Mapping[str, Replacement] = {
        "suite": lambda _: None,  # this test is a part of that run
        "demo": lambda _: None,  # tests/packaging/test_first_day.py runs it
        "dist": lambda _: None,  # tests/packaging/test_first_day.py has what it makes
        "install": lambda _: f"ln -s {sys.prefix} ~/jumplab\n",  # as above
        "copy": reader.copy_to_second,  # the second machine has no SSH server
        "docker": lambda _: None,  # there is no Docker; tests/images builds the images without it
        "helm": install,  # there is no program `helm`; its library does the same
    }
    try:
        walk(PAGE, reader.terminal, replaced)
    finally:
        for each in installed:
            each.close()


def test_its_class_of_a_board_is_typed(tmp_path: Path) -> None:
    [made] = [step.text for step in all_blocks(PAGE) if step.text.startswith("cat > boot.py")]
    example = tmp_path / "boot.py"
    example.write_text(made.partition("<<'END'\n")[2].partition("END\n")[0])
    assert mypy(example) == []


def test_no_more_is_replaced_than_must_be() -> None:
    """A block that a test does not run may be wrong: each new one is to be thought about."""
    marked = [step.mark for step in all_blocks(PAGE) if step.mark]
    assert marked == ["demo", "suite", "dist", "copy", "install", "docker", "helm"]
