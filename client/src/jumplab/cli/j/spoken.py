"""What a command of `j` says at its end, wherever it is carried out."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spoken:
    """text: for standard output, None for nothing.  status: the exit status."""

    text: str | None = None
    status: int = 0
