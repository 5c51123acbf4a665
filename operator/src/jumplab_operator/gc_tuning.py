"""When Python looks for garbage in cycles: its own rules would stop the operator for seconds in the middle of its work.

A full collection looks at each living object, a few hundred for each exporter: about a second for a lab of 1,000,
whenever a quarter as many are new, which is in the middle of a burst of leases. What is young is collected as ever,
since most garbage dies young. What has grown old is looked at once more and then left alone (`gc.freeze`): it goes
when nothing refers to it any more, as ever, but for cycles, which wait for the one full collection a day.
"""

import asyncio
import gc
from datetime import timedelta

_YOUNG = 10_000
_MIDDLE = 20
_NEVER = 1_000_000
_SETTLED = timedelta(seconds=30)
"""After the start: most objects that exist by then stay."""
_EVERY = timedelta(minutes=10)
_FULLY_EACH = timedelta(days=1) // _EVERY


async def collect_garbage() -> None:
    """Takes over from Python's rules, for ever; cancelling gives back to them."""
    rules = gc.get_threshold()
    gc.set_threshold(_YOUNG, _MIDDLE, _NEVER)
    rounds = 0
    try:
        await asyncio.sleep(_SETTLED.total_seconds())
        while True:
            rounds += 1
            if rounds % _FULLY_EACH == 0:
                gc.unfreeze()
            gc.collect()
            gc.freeze()
            await asyncio.sleep(_EVERY.total_seconds())
    finally:
        gc.unfreeze()
        gc.set_threshold(*rules)
