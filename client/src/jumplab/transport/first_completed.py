"""Several things at once, until the first of them ends."""

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any


async def first_completed(work: Mapping[str, Coroutine[Any, Any, Any]]) -> str:
    """Runs all of it, by name, until one ends, cancels the others and waits for them; the name of the first.

    Raises what that one raised. A TaskGroup would wrap it, and would forget that it was cancelled itself where a child
    fails in the same moment.
    """
    tasks = {asyncio.create_task(coroutine, name=name): name for name, coroutine in work.items()}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
    return next(name for task, name in tasks.items() if task in done)
