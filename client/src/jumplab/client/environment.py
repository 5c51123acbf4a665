"""A client's settings in the environment: Jumpstarter's variables."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jumplab.client.errors import ConfigurationError
from jumplab.config_fields import INSECURE_VARIABLES, is_on

WHOLE_CLIENT = ("JMP_ENDPOINT", "JMP_TOKEN", "JMP_NAMESPACE", "JMP_NAME")
"""What is enough without a file."""

_TEXTS = {
    "JMP_ENDPOINT": ("endpoint",),
    "JMP_TOKEN": ("token",),
    "JMP_NAMESPACE": ("metadata", "namespace"),
    "JMP_NAME": ("metadata", "name"),
    "JMP_DRIVERS_ALLOW": ("drivers", "allow"),
}
_SECONDS = {"JMP_DIAL_TIMEOUT": ("leases", "dial_timeout"), "JMP_RETRY_TIMEOUT": ("leases", "retry_timeout")}
_SWITCHES = {"JMP_DRIVERS_UNSAFE": ("drivers", "unsafe"), **dict.fromkeys(INSECURE_VARIABLES, ("tls", "insecure"))}


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting that a variable makes. keys: where it would stand in a file."""

    variable: str
    keys: tuple[str, ...]
    value: Any


def settings_in(environment: Mapping[str, str]) -> list[Setting]:
    """The settings that take the place of a file's; an empty variable is none. Raises ConfigurationError."""
    return [*_of_texts(environment), *_of_seconds(environment), *_of_switches(environment)]


def _of_texts(environment: Mapping[str, str]) -> Iterator[Setting]:
    for variable, keys in _TEXTS.items():
        if text := environment.get(variable):
            yield Setting(variable, keys, text)
            if variable == "JMP_DRIVERS_ALLOW":  # what it does not allow is not allowed, whatever the file says
                yield Setting(variable, ("drivers", "unsafe"), False)


def _of_seconds(environment: Mapping[str, str]) -> Iterator[Setting]:
    for variable, keys in _SECONDS.items():
        if text := environment.get(variable):
            try:
                yield Setting(variable, keys, float(text))
            except ValueError:
                yield Setting(variable, keys, text)  # a duration, as 90s


def _of_switches(environment: Mapping[str, str]) -> Iterator[Setting]:
    """Only what is on: a variable that is off leaves the file's word."""
    for variable, keys in _SWITCHES.items():
        try:
            switched_on = is_on(variable, environment)
        except ValueError as error:
            raise ConfigurationError(str(error)) from error
        if switched_on:
            yield Setting(variable, keys, True)
