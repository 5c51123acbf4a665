"""What the demonstration says: each step with its time."""

import time


class Teller:
    """Prints steps with the seconds since the start, and what came of them, indented."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def step(self, title: str) -> None:
        """Announces a step; its lines follow."""
        print(f"{time.monotonic() - self._start:6.1f} s  {title}", flush=True)

    def lines(self, text: str) -> None:
        """Prints what a program or the board said."""
        for line in text.replace("\r", "").strip("\n").split("\n"):
            print(f"          │ {line}".rstrip(), flush=True)

    def note(self, text: str) -> None:
        """Prints something worth knowing that is not a step."""
        print(f"          {text}", flush=True)
