"""Commands of `j` as a page prints them, in a shell without a controller."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import yaml


def run_in_local_shell(commands: str, export: object, folder: Path) -> str:
    """Runs commands with the drivers of `export`, the file of an exporter: what they print on standard output."""
    file = folder / "bench.yaml"
    document = {"apiVersion": "jumpstarter.dev/v1alpha1", "kind": "ExporterConfig", "export": export}
    document["metadata"] = {"namespace": "default", "name": "bench"}
    file.write_text(yaml.safe_dump(document))
    programs = Path(sys.executable).parent
    environment = {**os.environ, "HOME": str(folder), "PATH": f"{programs}:{os.environ['PATH']}"}
    shell = [programs / "jumplab", "shell", "--exporter-config", file, "--", "sh", "-ec", commands]
    ended = subprocess.run(shell, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout
