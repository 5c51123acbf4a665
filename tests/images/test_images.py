"""The Dockerfile, from a clean checkout: its steps build what its entry points run, as somebody who owns nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.counterparts import missing
from tests.images.dockerfile import Stage, build, ignored, stages
from tests.kube.kubectl import Said

ROOT = Path(__file__).parents[2]
TARGETS = {"operator": "jumplab-operator", "exporter": "jumplab-exporter", "client": "jumplab"}
NOBODY = 65532
MEGABYTES = {"operator": 230, "exporter": 135, "client": 90}
"""What each image may add to its base."""

BOARD = """apiVersion: jumpstarter.dev/v1alpha1
kind: ExporterConfig
metadata: {namespace: lab, name: demo}
endpoint: 127.0.0.1:1
token: any
export:
  board: {type: board/virtual}
  disk: {type: storage/disk, config: {path: /tmp/disk.img}}
"""


@pytest.fixture(scope="module")
def images() -> Iterator[dict[str, Stage]]:
    """All stages, built from the files that git knows, in a folder that others may enter."""
    python = python_for_others()
    folder = Path(tempfile.mkdtemp(prefix="jumplab-images-"))
    before = os.umask(0o022)
    try:
        folder.chmod(0o755)
        context = folder / "context"
        build_context(context)
        found = stages(ROOT / "Dockerfile", folder / "stages")
        for name in found:
            build(found, name, context, python)
        yield found
    finally:
        os.umask(before)
        shutil.rmtree(folder)


def python_for_others() -> Path:
    """The folder of a Python that another user may run, in the place of the base image's."""
    found = next(
        filter(_runs_for_others, (Path(sys.base_prefix) / "bin", Path("/usr/local/bin"), Path("/usr/bin"))), None
    )
    if found is None:
        missing("python", "no Python 3.11 with venv that another user may run was found: install python3-venv")
    assert found is not None
    return found


def _runs_for_others(folder: Path) -> bool:
    program = folder / "python3"
    fit = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))"
    reachable = program.exists() and all(it.stat().st_mode & 0o001 for it in program.resolve().parents)
    return reachable and subprocess.run([program, "-c", fit], capture_output=True, check=False).returncode == 0


def build_context(context: Path) -> None:
    """The build's context: what git tracks or would, less what .dockerignore leaves out."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    check_out(context, [line for line in lines if line and not line.startswith("#")])


def check_out(context: Path, rules: list[str]) -> None:
    """What git tracks or would, less what these rules of a .dockerignore leave out."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for path in listing.stdout.splitlines():
        source = ROOT / path
        if (source.is_file() or source.is_symlink()) and not ignored(path, rules):
            (context / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, context / path, follow_symlinks=False)


def said_by(stage: Stage, *arguments: str) -> Said:
    """The image's entry point, as its user where this may become somebody else, in an empty environment."""
    uid, gid = (int(part) for part in stage.user.split(":"))
    program = stage.root / stage.entrypoint[0].lstrip("/")
    environment = stage.environment | {"PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [program, *arguments],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        cwd="/tmp",
        env=environment,
        user=uid if os.getuid() == 0 else None,
        group=gid if os.getuid() == 0 else None,
        extra_groups=[] if os.getuid() == 0 else None,
    )
    return Said(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_runs_its_program_as_nobody(images: dict[str, Stage], target: str) -> None:
    image = images[target]
    assert image.user == f"{NOBODY}:{NOBODY}"
    assert image.entrypoint == [f"/opt/jumplab/bin/{TARGETS[target]}"]
    assert image.environment["HOME"] == "/tmp"
    said = said_by(image, "version" if target == "client" else "--version")
    assert said.status == 0, said.err
    assert "0.1.0" in said.out


def test_the_exporters_image_has_its_boards_and_drivers(
    images: dict[str, Stage], tmp_path_factory: pytest.TempPathFactory
) -> None:
    config = images["exporter"].root / "demo.yaml"
    config.write_text(BOARD)
    said = said_by(images["exporter"], "check", str(config))
    assert said.status == 0, said.out + said.err
    assert "board: VirtualBoard" in said.out


def test_the_operators_image_brings_the_definitions_and_says_what_it_lacks(images: dict[str, Stage]) -> None:
    (packaged,) = images["operator"].root.glob("opt/jumplab/lib/python*/site-packages/jumplab_operator/crds")
    assert {file.name: file.read_text() for file in packaged.iterdir()} == {
        file.name: file.read_text() for file in (ROOT / "crds").glob("*.yaml")
    }
    said = said_by(images["operator"], "run", "--endpoint", "lab.example:7444")
    assert said.status == 2
    assert "no cluster is named" in said.err


def test_a_client_without_configuration_is_told_what_to_do(images: dict[str, Stage]) -> None:
    said = said_by(images["client"], "get", "leases")
    assert said.status != 0
    assert "Traceback" not in said.err


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_is_small_and_holds_no_more_than_it_runs(images: dict[str, Stage], target: str) -> None:
    root = images[target].root
    size = sum(file.lstat().st_size for file in root.rglob("*") if not file.is_dir()) / 2**20
    assert size < MEGABYTES[target], f"{size:.0f} MiB"
    packages = {folder.name for folder in root.glob("opt/jumplab/lib/python*/site-packages/*")}
    assert not packages & {"pip", "pytest", "uv", "helm_python"}
    assert ("jumplab_operator" in packages) is (target == "operator")
    assert ("jumplab_exporter" in packages) is (target == "exporter")


def test_the_packages_are_the_pinned_ones(images: dict[str, Stage]) -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = dict(line.split(" ")[0].split("==") for line in lines if "==" in line)
    for target in TARGETS:
        for found in images[target].root.glob("opt/jumplab/lib/python*/site-packages/*.dist-info"):
            name, _, version = found.name.removesuffix(".dist-info").partition("-")
            if not name.startswith("jumplab"):
                assert pinned[name.lower().replace("_", "-").replace(".", "-")] == version


@pytest.mark.parametrize(
    ("path", "out"),
    [
        ("client/src/jumplab/errors.py", False),
        ("constraints.txt", False),
        ("client/src/jumplab/__pycache__/errors.pyc", True),
        (".git/config", True),
        ("tests/conftest.py", True),
        ("docs/cli.md", True),
    ],
)
def test_the_context_is_what_the_build_needs(path: str, out: bool) -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert ignored(path, rules) is out
