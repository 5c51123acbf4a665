"""What the operator's log lines begin with."""

import re
import subprocess
import sys

SAYS_SOMETHING = """
import logging
from jumplab_operator.errors import CannotStart
from jumplab_operator.process import run_plane

def plane(process):
    logging.getLogger("jumplab_operator.here").warning("said")
    raise CannotStart("that was all")

run_plane(plane, lambda running: "")
"""


def test_each_line_of_the_operator_has_its_time_in_utc() -> None:
    ran = subprocess.run([sys.executable, "-c", SAYS_SOMETHING], capture_output=True, text=True, check=False)
    first = ran.stderr.splitlines()[0]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ WARNING jumplab_operator\.here: said", first)
    assert "that was all" in ran.stderr
