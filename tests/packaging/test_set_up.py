"""What set-up tells while it works."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
STEP = """
import sys
from tools import set_up

set_up._QUIET_SECONDS = float(sys.argv[1])
set_up._step("fetching the moon", ["sh", "-c", sys.argv[2]], {})
"""


def test_a_step_that_takes_long_says_what_it_does() -> None:
    command = [sys.executable, "-c", STEP, "0", "read line"]
    with subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as step:
        assert step.stdout is not None
        assert step.stdout.readline() == "  fetching the moon; this can take minutes\n"
        assert step.communicate("go on\n")[0] == ""
    assert step.returncode == 0


def test_a_step_that_fails_is_named_and_a_quick_one_is_not() -> None:
    def said(script: str) -> tuple[int, str, str]:
        command = [sys.executable, "-c", STEP, "600", script]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    assert said("true") == (0, "", "")
    assert said("false") == (1, "", "setting up stopped while fetching the moon\n")
