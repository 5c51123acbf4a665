"""docs/install.md: its commands, as they stand there, in a home where nothing is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, blocks, pages
from tests.images.test_images import check_out
from tests.kube.kubectl import Said
from tests.packaging.test_distributions import VERSION
from tools.uv import pip_settings, settings_for_pip, settings_for_uv

PAGE = "docs/install.md"
PROGRAMS = {
    "jumplab": f"jumplab {VERSION} (", "jumplab-exporter": f"jumplab-exporter {VERSION} (",
    "jumplab-operator": f"jumplab-operator {VERSION} (", "j": f"j {VERSION} (",
}  # fmt: skip
EXTRAS = {"jumplab": "kubernetes", "jumplab-exporter": "serial, qemu.qmp, pysnmp, gpiod, aiomqtt, pymodbus, asyncssh"}
SOURCES = ("From a folder of wheels", "From a checkout", "From a package index")


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody with uv, pip and an empty home, in a checkout. `environment` is what their shell has."""

    checkout: Path
    home: Path
    environment: Mapping[str, str]

    def type(self, script: str, **more: str) -> Said:
        done = subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=self.checkout, env={**self.environment, **more}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return Said(done.returncode, done.stdout, done.stderr)

    def has_all(self, programs: Path) -> None:
        """Each program says its version, the extras are there, and nothing comes from this checkout."""
        for program, version in PROGRAMS.items():
            said = self.type(f"{programs / program} --version")
            assert said.out.startswith(version), said
        for program, modules in EXTRAS.items():
            python = (programs / program).resolve().with_name("python")
            said = self.type(f"{python} -c 'import {modules}, jumplab; print(jumplab.__file__)'")
            assert said.status == 0, said.err
            assert str(self.checkout) not in said.out
        assert str(ROOT) not in said.out


@pytest.fixture
def newcomer(tmp_path: Path, dist: Path) -> Newcomer:
    home, checkout, programs = tmp_path / "home", tmp_path / "checkout", tmp_path / "programs"
    check_out(checkout, [])
    shutil.copytree(dist, checkout / "build" / "dist")
    for folder in (home, programs):
        folder.mkdir()
    (programs / "uv").symlink_to(Path(sys.executable).with_name("uv"))
    (programs / "python3").symlink_to(Path(getattr(sys, "_base_executable", sys.executable)))
    pip = pip_settings(Path(sys.executable))
    told = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_", "SSL_", "REQUESTS_"))}
    told |= {name: value for name, value in _as_variables(pip).items() if name not in told}
    cache = subprocess.check_output([programs / "uv", "cache", "dir"], text=True).strip()
    environment = {
        **told, **settings_for_uv(pip, told), **settings_for_pip("23.2", pip, told),
        "PATH": f"{home}/.local/bin:{programs}:/usr/bin:/bin", "HOME": str(home), "UV_CACHE_DIR": cache,
        "UV_CONSTRAINT": str(ROOT / "constraints.txt"), "PIP_CONSTRAINT": str(ROOT / "constraints.txt"),
    }  # fmt: skip
    return Newcomer(checkout, home, environment)


def _as_variables(pip: Mapping[str, str]) -> dict[str, str]:
    """pip's settings of this machine, for a home in which none of its files are."""
    return {f"PIP_{name.upper().replace('-', '_')}": value for name, value in pip.items()}


def commands(section: str, tool: str) -> str:
    begin = {"uv": "uv tool install", "pip": "python3 -m venv"}[tool]
    return next(block for block in blocks(PAGE, section) if block.startswith(begin))


@pytest.mark.needs("package-index")
@pytest.mark.parametrize(
    ("source", "tool"),
    [
        pytest.param(source, tool, marks=() if (source, tool) == (SOURCES[0], "uv") else pytest.mark.nightly)
        for source in SOURCES
        for tool in ("uv", "pip")
    ],
)
def test_it_is_installed_and_removed(newcomer: Newcomer, source: str, tool: str) -> None:
    published = {}
    if source == SOURCES[2]:
        wheels = str(newcomer.checkout / "build" / "dist")
        published = {"UV_FIND_LINKS": wheels, "PIP_FIND_LINKS": wheels}
    installed = newcomer.type(commands(source, tool), **published)
    assert installed.status == 0, installed.err
    programs = newcomer.home / {"uv": ".local/bin", "pip": "jumplab/bin"}[tool]
    newcomer.has_all(programs)
    begin = {"uv": "uv tool uninstall", "pip": "rm -r"}[tool]
    removing = next(block for block in blocks(PAGE, "Uninstalling") if block.startswith(begin))
    assert newcomer.type(removing).status == 0
    assert not [program for program in PROGRAMS if (programs / program).exists()]


@pytest.mark.nightly
@pytest.mark.needs("package-index")
def test_it_is_installed_from_git_and_upgraded_from_a_checkout(newcomer: Newcomer) -> None:
    who = "git config user.name me && git config user.email me@lab.example"
    committed = newcomer.type(f"git init -q -b main . && {who} && git add . && git commit -q -m all")
    assert committed.status == 0, committed.err
    from_git = newcomer.type(commands("From a git repository", "uv"), JUMPLAB_GIT=f"file://{newcomer.checkout}")
    assert from_git.status == 0, from_git.err
    newcomer.has_all(newcomer.home / ".local/bin")
    (upgrade,) = blocks(PAGE, "Upgrading")
    cloned = newcomer.type(f"git clone -q . {newcomer.home}/clone && cd {newcomer.home}/clone && {upgrade}")
    assert cloned.status == 0, cloned.err
    newcomer.has_all(newcomer.home / ".local/bin")


@pytest.mark.needs("package-index")
def test_what_is_installed_completes_in_a_shell(newcomer: Newcomer) -> None:
    assert newcomer.type(commands(SOURCES[0], "uv")).status == 0
    (completion,) = blocks(PAGE, "Shell completion")
    (versions,) = blocks(PAGE, "Is it there?")
    said = newcomer.type(f"{versions}{completion}complete -p jumplab")
    assert said.status == 0, said.err
    assert "_jumplab_completion" in said.out
    assert [line.split(" (")[0] for line in said.out.splitlines()[:3]] == [
        f"{program} {VERSION}" for program in ("jumplab", "jumplab-exporter", "jumplab-operator")
    ]


def test_no_other_page_names_a_command_that_installs() -> None:
    """One page says how: there the commands are tried. Those of the README are tried by test_first_day.py."""
    wrong = [page for page in pages() if page not in (PAGE, "README.md") and _installs((ROOT / page).read_text())]
    assert not wrong


def _installs(text: str) -> bool:
    return any(command in text for command in ("pip install", "pipx ", "uv tool", "uv pip", "uv add", "uvx "))
