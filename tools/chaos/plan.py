"""Which faults are done to whom, and when: a pure function of a seed, so that a run can be had again."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

_PAUSE_SECONDS = (0.3, 2.5)


class Kind(StrEnum):
    """What can be done to the world."""

    KILL_CLIENT = "kill_client"
    KILL_EXPORTER = "kill_exporter"
    KILL_CONTROL_PLANE = "kill_control_plane"
    KILL_API_SERVER = "kill_api_server"
    CUT = "cut"
    REFUSE = "refuse"
    BLACK_HOLE = "black_hole"
    DELAY = "delay"
    THROTTLE = "throttle"
    FILL_DISK = "fill_disk"
    SHIFT_CLOCK = "shift_clock"


# How often each is drawn, in relation to the others; and how long it lasts, in seconds.
_SHARES = {
    Kind.KILL_CLIENT: (3, (0.0, 0.5)),
    Kind.KILL_EXPORTER: (2, (0.0, 1.0)),
    Kind.KILL_CONTROL_PLANE: (2, (0.0, 1.5)),
    Kind.KILL_API_SERVER: (1, (0.0, 3.0)),
    Kind.CUT: (6, (0.0, 0.0)),
    Kind.REFUSE: (3, (0.2, 4.0)),
    Kind.BLACK_HOLE: (3, (0.5, 12.0)),
    Kind.DELAY: (2, (1.0, 5.0)),
    Kind.THROTTLE: (2, (1.0, 5.0)),
    Kind.FILL_DISK: (1, (6.0, 15.0)),
    Kind.SHIFT_CLOCK: (1, (1.0, 8.0)),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    at: seconds from the start.  seconds: how long it lasts.  draw: in [0, 1), chooses among those whom it may hit.
    """

    at: float
    kind: Kind
    seconds: float
    draw: float


def plan_faults(seed: int, seconds: float, kinds: Sequence[Kind]) -> tuple[Fault, ...]:
    """The faults of a run in which all have ended after so many seconds; every kind comes once before any comes twice.

    Faults overlap. Where the run is too short for all kinds, the first draws decide which come.
    """
    draws = random.Random(f"faults {seed}")
    faults: list[Fault] = []
    first = draws.sample(list(kinds), len(kinds))
    at = draws.uniform(*_PAUSE_SECONDS)
    while at < seconds and kinds:
        kind = first.pop() if first else draws.choices(list(kinds), [_SHARES[kind][0] for kind in kinds])[0]
        lasts = draws.uniform(*_SHARES[kind][1])
        if at + lasts <= seconds:
            faults.append(Fault(at, kind, lasts, draws.random()))
        at += draws.uniform(*_PAUSE_SECONDS)
    return tuple(faults)
