"""The README, pasted into terminals from its first block to its last, on two machines and a cluster."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from tests.charts.cluster import Cluster
from tests.charts.on_chart import OnChart
from tests.client.test_board_types import mypy
from tests.docs.cluster_of_page import helm_install
from tests.docs.pages import ROOT, Block, all_blocks, block
from tests.docs.reader import Reader
from tests.docs.walk import Replacement, walk

PAGE = "README.md"


CLUSTER = "A cluster"
NOT_RUN: Mapping[str, str] = {
    "demo": "tests/packaging/test_first_day.py runs it",
    "suite": "this test is a part of that run",
    "dist": "tests/packaging/test_first_day.py has what it makes",
    "docker": "there is no Docker; tests/images builds the images without it",
}
REPLACED = {
    "install": "tests/packaging/test_first_day.py runs it; here the second machine uses the environment of this run",
    "copy": "the second machine has no SSH server: the test copies the files",
    "helm": "there is no program `helm`: its library does the same",
}


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """Somebody in a checkout whose `.venv` is that of this run."""
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / ".venv").symlink_to(sys.prefix)
    with Reader(tmp_path, checkout) as reader:
        yield reader


def replacements(**done: Replacement) -> dict[str, Replacement]:
    return {**dict.fromkeys(NOT_RUN, lambda _: None), **done}


@pytest.mark.needs("two-machines")
@pytest.mark.needs("kubectl")
def test_the_readme_works_as_printed(reader: Reader) -> None:
    replaced = replacements(install=lambda _: f"ln -s {sys.prefix} ~/jumplab\n", copy=reader.copy_to_second)
    walk(PAGE, reader.terminal, replaced, chosen=lambda step: step.section != CLUSTER)


@pytest.mark.needs("kubectl")
def test_its_cluster_works_as_printed(reader: Reader, cluster: Cluster) -> None:
    (reader.home / ".kube").mkdir()
    (reader.home / ".kube" / "config").write_bytes(cluster.api.kubeconfig.read_bytes())
    installed: list[OnChart] = []

    def install(step: Block) -> None:
        installed.append(helm_install(step, cluster, reader.folder))

    try:
        walk(PAGE, reader.terminal, replacements(helm=install), chosen=lambda step: step.section == CLUSTER)
        reader.terminal("5").run(block("docs/cluster.md", "kubectl -n jumplab"))
    finally:
        for each in installed:
            each.close()


def test_its_class_of_a_board_is_typed(tmp_path: Path) -> None:
    [made] = [step.text for step in all_blocks(PAGE) if step.text.startswith("cat > boot.py")]
    example = tmp_path / "boot.py"
    example.write_text(made.partition("<<'END'\n")[2].partition("END\n")[0])
    assert mypy(example) == []


def test_the_real_board_is_that_of_the_example() -> None:
    [made] = [step.text for step in all_blocks(PAGE) if "power/command" in step.text]
    export = yaml.safe_load(made.partition("<<'END'\n")[2].partition("END\n")[0])
    example = yaml.safe_load((ROOT / "examples/exporter-serial.yaml").read_text())
    assert export == {"export": example["export"]}


def test_no_more_is_replaced_than_must_be() -> None:
    """A block that a test does not run may be wrong: each new one is to be thought about."""
    marked = [step.mark for step in all_blocks(PAGE) if step.mark]
    assert sorted(marked) == sorted([*NOT_RUN, *REPLACED])
