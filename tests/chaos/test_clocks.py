"""A process' clock that is shifted, by the real library."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools.chaos import clocks

_HOUR = 3600


@pytest.mark.needs("faketime")
def test_a_process_clock_is_shifted_and_the_hosts_is_left_alone(tmp_path: Path) -> None:
    environment = clocks.environment(tmp_path / "clock")
    clocks.shift(tmp_path / "clock", _HOUR)
    begin = time.time()
    told = subprocess.check_output([sys.executable, "-c", "import time; print(time.time())"], env=dict(environment))
    assert begin + _HOUR - 1 <= float(told) <= time.time() + _HOUR
