"""The commands that a configuration allows."""

import re
import shlex
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from jumplab.config_fields import AlsoWritten


def _words(value: Any) -> Any:
    """A line is cut as a shell cuts it; no shell reads it."""
    return shlex.split(value) if isinstance(value, str) else value


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f'"{pattern}" is no regular expression: {error}') from error
    return pattern


Pattern = Annotated[str, AfterValidator(_compiles)]


class AllowedCommand(BaseModel):
    """A command.  command: its words, as a list or a line;  arguments: a pattern for each argument that follows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    command: Annotated[list[str], BeforeValidator(_words), Field(min_length=1)]
    arguments: list[Pattern] = []

    def words(self, name: str, given: list[str]) -> list[str]:
        """The whole command with a client's arguments. Raises ValueError where they are not allowed."""
        if len(given) != len(self.arguments):
            raise ValueError(f'"{name}" takes {_counted(len(self.arguments))}, not {len(given)}')
        for argument, pattern in zip(given, self.arguments, strict=True):
            if argument.startswith("-") and not pattern.startswith("-"):
                raise ValueError(f'"{name}": the argument "{argument}" looks like an option, which is not allowed here')
            if not re.fullmatch(pattern, argument):
                raise ValueError(f'"{name}": the argument "{argument}" must match {pattern}')
        return [*self.command, *given]


def _as_mapping(value: Any) -> Any:
    return value if isinstance(value, Mapping | AllowedCommand) else {"command": value}


Allowed = Annotated[
    AllowedCommand,
    BeforeValidator(_as_mapping),
    AlsoWritten({"type": "string", "minLength": 1}, {"type": "array", "items": {"type": "string"}, "minItems": 1}),
]


def _counted(number: int) -> str:
    return "no argument" if number == 0 else "1 argument" if number == 1 else f"{number} arguments"
