"""Times that the product promises, judged such that a busy machine breaks none."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from tools.chaos.stalls import stalled_seconds, waited_seconds


@contextmanager
def kept_within(promised: timedelta, *pids: int) -> Iterator[None]:
    """Fails where what is inside takes longer than promised.

    pids: the processes whose part it is, beside this one; how long they all had to wait for a CPU does not count.
    """
    waited, begin = waited_seconds([os.getpid(), *pids]), time.monotonic()
    yield
    took = time.monotonic() - begin
    stalled = stalled_seconds(waited, waited_seconds(waited))
    assert took <= promised.total_seconds() + stalled, f"it took {took:.2f} s, {stalled:.2f} of them without a CPU"
