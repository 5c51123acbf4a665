"""The result of a command of `j`, wherever it is carried out."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spoken:
    """text: for standard output, None for nothing.  status: the exit status."""

    text: str | None = None
    status: int = 0
