"""Reads a Dockerfile and runs it without a container engine: each stage's files lie in a folder of their own.

ARG, ENV, WORKDIR, COPY, RUN, USER and ENTRYPOINT are what ours has; another instruction is refused. RUN steps run with
the stage's folder in place of its root, so they may name relative paths only. The base images are this machine.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from tools.uv import pip_settings, settings_for_uv

BOUND_SECONDS = 600


@dataclass
class Stage:
    """A stage's instructions, and what they made of it."""

    base: str
    root: Path
    steps: list[tuple[str, str]] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = "0:0"
    entrypoint: list[str] = field(default_factory=list)

    def inside(self, path: str) -> Path:
        """Where a path of the image is on this machine."""
        return self.root / os.path.join(self.workdir, path).lstrip("/")


def stages(dockerfile: Path, folder: Path) -> dict[str, Stage]:
    """The stages by name, not yet run, with folders below `folder`."""
    found: dict[str, Stage] = {}
    stage = None
    for line in dockerfile.read_text().replace("\\\n", " ").splitlines():
        instruction, _, rest = line.strip().partition(" ")
        if instruction == "FROM":
            base, _, name = rest.partition(" AS ")
            stage = found[name] = Stage(base, folder / name)
        elif stage is not None and instruction and not instruction.startswith("#"):
            stage.steps.append((instruction, rest.strip()))
    return found


def build(found: dict[str, Stage], name: str, context: Path, python: Path) -> Stage:
    """Runs a stage's steps (those of the stages before are done). python: the folder of the base image's Python."""
    stage = found[name]
    stage.root.mkdir(parents=True)
    if stage.base in found:
        before = found[stage.base]
        stage.environment, stage.workdir, stage.user = dict(before.environment), before.workdir, before.user
    for instruction, rest in stage.steps:
        if instruction == "RUN":
            run(stage, rest, python)
        elif instruction == "COPY":
            copy(stage, rest.split(), found, context)
        else:
            declare(stage, instruction, rest)
    return stage


def declare(stage: Stage, instruction: str, rest: str) -> None:
    match instruction:
        case "ENV":
            stage.environment |= dict(word.split("=", 1) for word in shlex.split(rest))
        case "WORKDIR":
            stage.workdir = rest
            stage.inside(".").mkdir(parents=True, exist_ok=True)
        case "USER":
            stage.user = rest
        case "ENTRYPOINT":
            stage.entrypoint = json.loads(rest)
        case "EXPOSE":
            pass
        case _:
            raise ValueError(f"{instruction} is not an instruction that this knows")


def run(stage: Stage, script: str, python: Path) -> None:
    environment = {"PATH": f"{python}:{os.environ['PATH']}", "HOME": str(stage.root), **stage.environment}
    environment |= settings_for_uv(pip_settings(Path(sys.executable)), os.environ)  # as set-up reaches the index
    environment |= {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_", "SSL_"))}
    subprocess.run(
        ["/bin/sh", "-euc", script], cwd=stage.inside("."), env=environment, check=True, timeout=BOUND_SECONDS
    )


def copy(stage: Stage, words: list[str], found: dict[str, Stage], context: Path) -> None:
    source_root = context
    if words[0].startswith("--from="):
        source_root = found[words.pop(0).removeprefix("--from=")].root
    *sources, target = words
    for source in sources:
        origin, place = source_root / source.lstrip("/"), stage.inside(target)
        if origin.is_dir():
            shutil.copytree(origin, place, symlinks=True, dirs_exist_ok=True)
        else:
            place = place / origin.name if target.endswith("/") else place
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(origin, place)


def ignored(path: str, rules: list[str]) -> bool:
    """Whether a .dockerignore leaves a file of the context out: the last rule that matches says."""
    out = False
    parts = path.split("/")
    prefixes = ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
    for rule in rules:
        pattern = rule.removeprefix("!").removeprefix("**/")
        anywhere = "**/" in rule
        names = parts if anywhere else prefixes
        if any(fnmatch(name, pattern) for name in names):
            out = not rule.startswith("!")
    return out
