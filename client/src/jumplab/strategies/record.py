"""What a strategy has done to a board, step by step."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from jumplab.strategies.states import State, name_of_state


@dataclass(frozen=True, slots=True)
class Step:
    """A way that was taken, or a probe.

    name: of the method.  origin: None where the state was unknown.  target: where the way leads, or the state that the
    probe looked for.  began: in UTC.  failure: empty where it did what it should.
    """

    name: str
    origin: State | None
    target: State
    began: datetime
    seconds: float
    failure: str = ""
    is_probe: bool = False

    def __str__(self) -> str:
        outcome = f", failed: {self.failure.splitlines()[0]}" if self.failure else ""
        if self.is_probe:
            return f"{self.name} looked for {name_of_state(self.target)} ({self.seconds:.1f} s{outcome})"
        origin = name_of_state(self.origin)
        return f"{self.name} from {origin} to {name_of_state(self.target)} ({self.seconds:.1f} s{outcome})"


def failure_message(step: Step, where: str, done: Iterable[Step], console: str) -> str:
    """What a transition that failed says.  where: a place in the way's source, or nothing."""
    place = f" ({where})" if where else ""
    doing = f"on the way from {name_of_state(step.origin)} to {name_of_state(step.target)}"
    if step.is_probe:
        doing = f"when it looked for {name_of_state(step.target)}"
    lines = [
        f"{step.name}{place} failed after {step.seconds:.1f} s {doing}: {step.failure}",
        f"done before: {'; '.join(map(str, done)) or 'nothing'}",
        "the board's state is unknown now; the next transition begins with a way from any state",
    ]
    if step.is_probe:
        return "\n".join(lines)
    if console:
        lines += ["the last lines of the console:", *(f"    {line}" for line in console.splitlines())]
    else:
        lines.append("the console has said nothing since the way began")
    return "\n".join(lines)
