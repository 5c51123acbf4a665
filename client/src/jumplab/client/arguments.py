"""Checks the arguments of the public functions: a wrong one is an error with a sentence, before anything is leased."""

import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from jumplab.client.config import ClientConfig
from jumplab.client.config_files import load_client
from jumplab.client.errors import ConfigurationError
from jumplab.control_sequences import printable
from jumplab.protocol.durations import parse_positive_duration, require_positive
from jumplab.protocol.lease_rules import name_problem

_LONGEST_VALUE = 60


def check_text(name: str, value: Any, example: str, *, required: bool = False) -> None:
    """Raises ConfigurationError where it is no string, or an empty one that is required."""
    if not isinstance(value, str) or (required and not value):
        raise _wrong(name, f"a string such as {example}", value)


def as_path(name: str, value: Any, example: str) -> str:
    """The text of a path. Raises ConfigurationError where it is none, or empty."""
    path = os.fspath(value) if isinstance(value, os.PathLike) else value
    check_text(name, path, example, required=True)
    if "\0" in str(path):
        raise _wrong(name, f"a path such as {example}", path)
    return str(path)


def check_lease_name(value: Any) -> None:
    """Raises ConfigurationError where no lease can have that name."""
    check_text("name", value, '"nightly"', required=True)
    if problem := name_problem(value):
        raise ConfigurationError(f'lease "{printable(value)}": {problem}')


def check_members(exporters: Any) -> None:
    """Raises ConfigurationError where it doesn't have strings by name."""
    if not isinstance(exporters, Mapping):
        raise _wrong("exporters", 'a dict such as {"dut": "board=x", "peer": "@bench-3"}', exporters)
    for name, wanted in exporters.items():
        check_text("a member's name in exporters", name, '"dut"', required=True)
        check_text(f'exporters["{name}"]', wanted, '"board=x" or "@bench-3"')


def check_tags(tags: Any) -> None:
    """Raises ConfigurationError where it doesn't have strings by key."""
    if not isinstance(tags, Mapping):
        raise _wrong("tags", 'a dict such as {"ticket": "4711"}', tags)
    for key, value in tags.items():
        check_text("a tag's key", key, '"ticket"', required=True)
        check_text(f'tags["{key}"]', value, '"4711"')


def check_callable(name: str, value: Any) -> None:
    """Raises ConfigurationError where it can't be called."""
    if not isinstance(value, Callable):  # type: ignore[arg-type] # it is a class, of which mypy makes a special form
        raise _wrong(name, "a function that takes a sentence", value)


def check_flag(name: str, value: Any) -> None:
    """Raises ConfigurationError where it is neither True nor False."""
    if not isinstance(value, bool):
        raise _wrong(name, "True or False", value)


def as_duration(name: str, value: Any) -> timedelta:
    """The duration of a string such as `30m`, or a timedelta; it is greater than zero. Raises ConfigurationError."""
    if not isinstance(value, str | timedelta):
        raise _wrong(name, 'a string such as "30m", or a timedelta', value)
    try:
        return parse_positive_duration(value) if isinstance(value, str) else require_positive(value)
    except ValueError as error:
        raise ConfigurationError(f"{name}: {error}") from error


def as_config(client: Any) -> ClientConfig:
    """A configuration, one by its name, or for None the current one. Raises ConfigurationError."""
    if isinstance(client, ClientConfig):
        return client
    if not isinstance(client, str | None):
        raise _wrong("client", "the name of a client configuration, or a ClientConfig", client)
    return load_client(client)


def _wrong(name: str, expected: str, value: Any) -> ConfigurationError:
    text = repr(value)
    text = text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"
    return ConfigurationError(f"{name} must be {expected}, not {text}")
