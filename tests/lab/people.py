"""People of a lab: each has a home, a kubeconfig or none, and a client configuration or none."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jumplab.client.config import ClientConfig
from jumplab.client.config_files import ConfigFiles
from jumplab.private_files import write_private
from tests.kube.kubectl import Said
from tests.kube.processes import Process
from tests.lab.homes import PROGRAMS

_OWN = ("JMP_", "JUMPLAB_", "JUMPSTARTER_", "PYTEST_", "XDG_", "KUBE", "CI")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at a shell of their own."""

    home: Path
    kubeconfig: Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_OWN)}
        own = {"HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home / "config"), "SHELL": "/bin/sh"}
        own |= {"KUBECONFIG": str(self.kubeconfig or self.home / "no-kubeconfig"), "COLUMNS": "200"}
        own |= {"JUMPLAB_ALWAYS_ROUTE": "1"}
        return kept | own | {"PATH": f"{PROGRAMS}:{kept['PATH']}"}

    def configure(self, config: ClientConfig, name: str = "current") -> None:
        """Makes it the client configuration that this person uses."""
        places = ConfigFiles.of(self.environment)
        write_private(places.client_path(name), config.to_yaml().encode())
        places.use_client(name)

    def run(self, program: str, *arguments: str | Path, **more: str) -> Said:
        """Runs a command to its end; the bound is for one that hangs."""
        done = subprocess.run(
            [PROGRAMS / program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            env=self.environment | more,
            cwd=self.home,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def script(self, code: str, until: str) -> Iterator[Process]:
        """A Python script of this person, once it has printed `until`; killed at the end if it still runs."""
        process = Process([sys.executable, "-c", code], self.home / "script.log", self.environment)
        process.log.unlink(missing_ok=True)
        process.start()
        try:
            process.wait_until(lambda: until in process.output(), f'waiting for "{until}"')
            yield process
        finally:
            process.kill()
