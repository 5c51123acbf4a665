"""The states of a board, and how messages name them."""

from enum import Enum

State = str | Enum
"""What a state may be: strings of a Literal, or members of an Enum."""


def name_of_state(state: State | None) -> str:
    """A state as messages name it."""
    if state is None:
        return "unknown"
    return f'"{state.name if isinstance(state, Enum) else state}"'
