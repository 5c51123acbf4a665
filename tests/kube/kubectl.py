"""The real kubectl, where there is one."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

KUBECTL = shutil.which("kubectl") or ""


@dataclass(frozen=True, slots=True)
class Said:
    """What a run of kubectl said."""

    status: int
    out: str
    err: str


class Kubectl:
    """Runs kubectl with a kubeconfig, in a namespace, with a home of its own for its caches, and more environment."""

    def __init__(
        self, kubeconfig: Path, home: Path, namespace: str = "default", more: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self._home = home
        self._more = more
        cache = home / "cache"
        self._prefix = [KUBECTL, f"--kubeconfig={kubeconfig}", f"--cache-dir={cache}", f"--namespace={namespace}"]

    def command(self, *arguments: str) -> list[str]:
        return [*self._prefix, *arguments]

    @property
    def env(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self._home), **self._more}

    def run(self, *arguments: str, stdin: str = "") -> Said:
        """Run to the end; the bound is for a kubectl that hangs."""
        done = subprocess.run(
            self.command(*arguments),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=240,
            env=self.env,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def ok(self, *arguments: str, stdin: str = "") -> str:
        """What it prints; fails where it fails."""
        said = self.run(*arguments, stdin=stdin)
        assert said.status == 0, f"kubectl {' '.join(arguments)}: {said.err}"
        return said.out
