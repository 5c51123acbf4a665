"""What `make dist` builds: what each distribution holds and says of itself."""

from __future__ import annotations

import re
import tarfile
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

from tests.packaging.pythons import ROOT
from tools import generate_distributions

PACKAGES = {"jumplab": "client", "jumplab_exporter": "exporter", "jumplab_operator": "operator"}
VERSION = generate_distributions.version()


def wheel_of(dist: Path, package: str) -> zipfile.ZipFile:
    return zipfile.ZipFile(dist / f"{package}-{VERSION}-py3-none-any.whl")


def metadata(wheel: zipfile.ZipFile) -> Message:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return Parser().parsestr(wheel.read(name).decode())


def test_there_is_a_wheel_and_a_source_distribution_of_each(dist: Path) -> None:
    assert sorted(file.name for file in dist.iterdir()) == sorted(
        f"{package}-{VERSION}{suffix}" for package in PACKAGES for suffix in (".tar.gz", "-py3-none-any.whl")
    )


@pytest.mark.parametrize("package", PACKAGES)
def test_a_wheel_says_what_it_is(dist: Path, package: str) -> None:
    with wheel_of(dist, package) as wheel:
        said = metadata(wheel)
        licences = [name for name in wheel.namelist() if name.endswith(".dist-info/licenses/LICENSE")]
        assert [wheel.read(name) for name in licences] == [(ROOT / "LICENSE").read_bytes()]
        assert f"{package}/py.typed" in wheel.namelist()
    assert (said["License-Expression"], said.get_all("License-File")) == ("Apache-2.0", ["LICENSE"])
    assert said["Requires-Python"] == ">=3.11"
    assert said["Description-Content-Type"] == "text/markdown"
    assert {"Typing :: Typed", "Operating System :: POSIX :: Linux"} <= set(said.get_all("Classifier") or ())


@pytest.mark.parametrize("package", PACKAGES)
def test_a_description_can_be_read_on_an_index(dist: Path, package: str) -> None:
    with wheel_of(dist, package) as wheel:
        text = str(metadata(wheel).get_payload())
    assert text.startswith(f"# {package.replace('_', '-')}\n")
    assert "pip install" in text
    links = re.findall(r"\]\(([^)]*)\)", text)
    assert [link for link in links if not link.startswith("https://")] == [], "an index has no files beside the page"


@pytest.mark.parametrize("package", PACKAGES)
def test_a_source_distribution_has_what_its_wheel_is_built_from(dist: Path, package: str) -> None:
    with tarfile.open(dist / f"{package}-{VERSION}.tar.gz") as archive:
        members = archive.getmembers()
    assert all(member.isfile() for member in members), "a link may lead out of the archive"
    top = f"{package}-{VERSION}"
    names = {member.name for member in members}
    assert {f"{top}/LICENSE", f"{top}/README.md", f"{top}/pyproject.toml", f"{top}/src/{package}/py.typed"} <= names


def test_the_operators_wheel_brings_the_definitions(dist: Path) -> None:
    with wheel_of(dist, "jumplab_operator") as wheel:
        brought = {Path(name).name: wheel.read(name) for name in wheel.namelist() if name.endswith(".yaml")}
    assert brought == {file.name: file.read_bytes() for file in (ROOT / "crds").glob("*.yaml")}


@pytest.mark.parametrize("path", generate_distributions.rendered(), ids=str)
def test_version_and_licence_are_the_same_everywhere(path: Path) -> None:
    assert (ROOT / path).read_text() == generate_distributions.rendered()[path], "run make generate"
