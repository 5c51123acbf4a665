"""A clock for lengths of time: nobody sets it, and it runs while the machine sleeps."""

import time


def boottime() -> float:
    """Seconds of CLOCK_BOOTTIME."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
