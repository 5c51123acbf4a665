"""Makes the environment that the other targets use: `python3 -m tools.set_up .venv`. Standard library alone.

The Python that runs it is the one that gets into the environment. A step that takes more than five seconds says what it
does: packages may come from far away.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.uv import options_for_uv, pip_settings, settings_for_pip, settings_for_uv

ROOT = Path(__file__).resolve().parent.parent
_WHICH_PYTHON = "import sys; print(sys.base_prefix, sys.version)"
_PIP_VERSION = "import pip; print(pip.__version__)"
_QUIET_SECONDS = 5.0
_PINNED = ("--constraint", str(ROOT / "constraints.txt"))
_EVERYTHING = ("--editable", "client", "--editable", "exporter[all]", "--editable", "operator", "--group", "dev")


def main(folder: Path) -> None:
    print(f"setting up {folder} (once)", flush=True)
    folder = folder.absolute()
    python = folder / "bin" / "python"
    pip_version = _said(python, _PIP_VERSION)  # none where making it was interrupted
    if not pip_version or _said(python, _WHICH_PYTHON) != _said(Path(sys.executable), _WHICH_PYTHON):
        shutil.rmtree(folder, ignore_errors=True)
        _step("making an environment for Python", [sys.executable, "-m", "venv", folder], {})
        pip_version = _said(python, _PIP_VERSION)
    settings = pip_settings(python)
    trust = settings_for_pip(pip_version, settings, os.environ)
    pip: list[str | Path] = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _step("installing uv, which installs the rest, from the package index", [*pip, *_PINNED, "uv"], trust)
    uv: list[str | Path] = [python.with_name("uv"), "pip", "install", "--quiet", "--python", python]
    everything = "installing Jumplab, what it needs and what its tests use (some 200 MB) from the package index"
    _step(everything, [*uv, *options_for_uv(settings), *_PINNED, *_EVERYTHING], settings_for_uv(settings, os.environ))


def _said(python: Path, script: str) -> str:
    """What a script prints; empty where this Python can't be run."""
    try:
        done = subprocess.run([python, "-c", script], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip()


def _step(doing: str, command: Sequence[str | Path], settings: Mapping[str, str]) -> None:
    """Runs a command, and says what it does if it takes long. Exits with its status if it fails."""
    running = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **settings})
    try:
        status = running.wait(_QUIET_SECONDS)
    except subprocess.TimeoutExpired:
        print(f"  {doing}; this can take minutes", flush=True)
        status = running.wait()
    if status:
        sys.exit(f"setting up stopped while {doing}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
