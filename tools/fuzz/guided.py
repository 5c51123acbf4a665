"""One target in a process of its own: `python -m tools.fuzz.guided TARGET FOLDER SECONDS`, and what it came to."""

import importlib
import importlib.util
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_OURS = (
    *("jumplab.session", "jumplab.transport", "jumplab.protocol.label_selectors", "jumplab.yaml_documents"),
    *("jumplab.client.config", "jumplab_exporter.config", "jumplab_operator.router", "jumplab_operator.standalone"),
    "jwt",
)
_LONGEST_INPUT_SECONDS = 30
_MEMORY_MIB = 1024
_LEAVES_SECONDS = 120
_EXECUTED = re.compile(r"^stat::number_of_executed_units: (\d+)$", re.MULTILINE)


def available() -> bool:
    """Whether this Python has atheris."""
    return importlib.util.find_spec("atheris") is not None


@dataclass(frozen=True, slots=True)
class Outcome:
    """inputs: how many were tried.  found: files with input that broke the target.  told: what it printed."""

    inputs: int
    found: Sequence[Path]
    told: str

    @property
    def well(self) -> bool:
        return self.inputs > 0 and not self.found


def look(target: str, folder: Path, seconds: int) -> Outcome:
    """Lets atheris look for so many seconds.

    folder: keeps what led to new places in the code, for the next time, and what was found.
    """
    folder.mkdir(parents=True, exist_ok=True)
    before = set(_findings(target, folder))
    command = [sys.executable, "-m", __name__, target, str(folder.absolute()), str(seconds)]
    run = subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=seconds + _LONGEST_INPUT_SECONDS + _LEAVES_SECONDS,
    )
    told = run.stdout + run.stderr
    executed = _EXECUTED.search(told)
    found = [file for file in _findings(target, folder) if file not in before]
    return Outcome(int(executed[1]) if executed and run.returncode == 0 else 0, found, told)


def _findings(target: str, folder: Path) -> list[Path]:
    return sorted(file for kind in ("crash", "timeout", "oom") for file in folder.glob(f"{target}-{kind}-*"))


def main() -> None:
    """Ends the process."""
    name, folder, seconds = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=list(_OURS)):
        target = importlib.import_module("tools.fuzz.targets").TARGETS[name]
    corpus = folder / f"{name}-corpus"
    corpus.mkdir(exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [
        f"-max_total_time={seconds}",
        f"-artifact_prefix={folder}/{name}-",
        f"-timeout={_LONGEST_INPUT_SECONDS}",
        f"-rss_limit_mb={_MEMORY_MIB}",
        "-print_final_stats=1",
        "-verbosity=0",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], target.run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
