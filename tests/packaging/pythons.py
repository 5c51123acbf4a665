"""The Pythons of this machine, and environments of theirs in which nothing of the checkout is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.counterparts import missing, need
from tests.kube.kubectl import Said

ROOT = Path(__file__).parents[2]
RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"
_OLDEST = 11


def found() -> dict[str, Path]:
    """Each Python from 3.11 on that is in a folder of PATH or pyenv's, by its `3.N`."""
    at_hand = {RUNNING: Path(getattr(sys, "_base_executable", sys.executable))}
    for folder in _folders():
        for program in sorted(folder.glob("python3.*")):
            number = re.fullmatch(r"python3\.(\d+)", program.name)
            if number and int(number[1]) >= _OLDEST and os.access(program, os.X_OK):
                at_hand.setdefault(f"3.{number[1]}", program)
    return at_hand


def _folders() -> Iterator[Path]:
    """pyenv's shims are left out: each is there for a Python that may not be the chosen one."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from (Path(each) for each in os.environ["PATH"].split(":") if each and not each.endswith("/shims"))
    yield from sorted(pyenv.glob("versions/3.*/bin"), reverse=True)


@dataclass(frozen=True, slots=True)
class Installed:
    """An environment of its own. `home` is the folder that its programs run in, and their HOME."""

    folder: Path
    home: Path

    @classmethod
    def with_(cls, folder: Path, python: str, *packages: str) -> Installed:
        """Packages as they are installed from wheels. Skips where what these need can't be had."""
        at_hand = found()
        if python not in at_hand:
            missing(f"python{python}", f"there is no Python {python} in PATH or among pyenv's: install it")
        made = cls(folder / "venv", folder / "home")
        made.home.mkdir(parents=True)
        _uv("venv", "--quiet", "--python", str(at_hand[python]), str(made.folder)).check_returncode()
        made.install(*packages)
        return made

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def install(self, *packages: str) -> None:
        """Installs what set-up may have left in uv's cache without asking an index, else with one."""
        pinned = ("--constraint", str(ROOT / "constraints.txt"))
        install = ("pip", "install", "--quiet", "--python", str(self.python), *pinned, *packages)
        if _uv(*install, "--offline").returncode:
            need("package-index")
            done = _uv(*install)
            assert done.returncode == 0, done.stderr

    def command(self, program: str, *arguments: str | Path, **environment: str) -> list[str | Path]:
        """A program of it, in an empty environment and in a folder where nothing is."""
        named = {"PATH": f"{self.folder / 'bin'}:/usr/bin:/bin", "HOME": str(self.home)} | environment
        variables = [f"{name}={value}" for name, value in named.items()]
        return ["env", "-i", f"--chdir={self.home}", *variables, self.folder / "bin" / program, *arguments]

    def run(self, program: str, *arguments: str | Path, **environment: str) -> Said:
        command = self.command(program, *arguments, **environment)
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        return Said(done.returncode, done.stdout, done.stderr)


def _uv(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tools.uv", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", env=environment)
