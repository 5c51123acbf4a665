"""The attacker: one attack, for some seconds, in a process of its own.

    python -m tools.abuse.attacker NAME SECONDS FILE

FILE has a `Target`. It says BEGUN, and at its end what it has done, as JSON.
"""

import asyncio
import json
import os
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

from jumplab import event_loop
from jumplab_operator import descriptors
from tools.abuse.catalogue import ATTACKS
from tools.abuse.strangers import Attack
from tools.abuse.target import Target

BEGUN = "begun"


async def attack(run: Attack, target: Target, seconds: float) -> Counter[str]:
    """Attacks for so long, and returns what it has done."""
    counts: Counter[str] = Counter()
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await run(target, counts)
    return counts


def main(name: str, seconds: float, file: Path) -> None:
    os.nice(10)  # one from elsewhere would take no time of this machine's processors
    descriptors.raise_limit()
    target = Target.from_json(file.read_text())
    print(BEGUN, flush=True)
    done = event_loop.run(attack(ATTACKS[name].attack, target, seconds))
    print(json.dumps(done), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), Path(sys.argv[3]))
