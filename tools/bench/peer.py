"""A peer's figures for the same work: from a script outside of this repository, which prints them as JSON."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PLACE = "JUMPLAB_PEERS"
_BESIDE_THE_REPOSITORY = Path("../shared/peers")
_BOUND_SECONDS = 900.0


class PeerFailed(Exception):
    """The script has no figures to give; the message says why."""


def find(repository: Path, environment: Mapping[str, str], name: str) -> Path | None:
    """The peer's script: in the folder that JUMPLAB_PEERS names, else in the usual one; None where there is neither.

    Raises PeerFailed where JUMPLAB_PEERS names a folder without it.
    """
    named = environment.get(PLACE)
    script = repository / (named or _BESIDE_THE_REPOSITORY) / name
    if script.is_file():
        return script.resolve()
    if named:
        raise PeerFailed(f"{PLACE} is {named}, and there is no {name} in it; correct or unset it")
    return None


def measure(script: Path) -> dict[str, Any]:
    """Runs the script, which sets itself up the first time. Raises PeerFailed."""
    try:
        done = subprocess.run(
            [script], env=_as_started(), capture_output=True, text=True, timeout=_BOUND_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PeerFailed(f"{script}: {error}") from error
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise PeerFailed(f"{script} ended with status {done.returncode}: {last}")
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        raise PeerFailed(f"{script} printed something else than JSON") from error
    return found


def _as_started() -> dict[str, str]:
    """The environment that this process was started with.

    What `jumplab.transport` sets in it for gRPC would hold for the peer's gRPC too, which is to run as it comes.
    """
    variables = Path("/proc/self/environ").read_bytes().split(b"\0")
    return dict(os.fsdecode(variable).split("=", 1) for variable in variables if b"=" in variable)
