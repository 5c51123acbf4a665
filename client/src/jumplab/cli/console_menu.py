"""The menu behind the escape key of a console."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

LEAVING = (b"q", b".", b"\x1d")
LITERAL = b"]"


@dataclass(frozen=True, slots=True)
class Choice:
    """words: what it does.  action: does it."""

    words: str
    action: Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class ConsoleMenu:
    """choices: by key, beside those that every console has."""

    choices: dict[bytes, Choice] = field(default_factory=dict)

    @property
    def line(self) -> str:
        """The keys that can be pressed now, in one line."""
        own = [f"{key.decode()}: {choice.words}" for key, choice in self.choices.items()]
        return ", ".join(["Ctrl-] or q: leave", *own, "]: send Ctrl-]", "any other key: go back"])
