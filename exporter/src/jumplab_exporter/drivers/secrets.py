"""Settings that are secrets: a configuration says where one is, never what it is."""

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from jumplab.driver import Driver
from jumplab.driver.driver import configuration_of

_LONGEST_BYTES = 65536
_HOW = "{from: file, path: /etc/jumpstarter/secrets/NAME} or {from: env, name: NAME}"


class _Source(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def read(self) -> str:
        """The secret as it is now. Raises ValueError, whose sentence does not have it."""
        raise NotImplementedError

    def exposure(self) -> str:
        """How others can read it, as a sentence; or empty."""
        return ""


class SecretInFile(_Source):
    """A secret in a file.  path: of the file, absolute; white space at the end of its content does not count."""

    source: Literal["file"] = Field(alias="from")
    path: Path

    def read(self) -> str:
        try:
            with self.path.open("rb") as file:
                content = file.read(_LONGEST_BYTES + 1)
        except OSError as error:
            raise ValueError(f"the file {self.path} can't be read: {error.strerror or error}") from error
        if len(content) > _LONGEST_BYTES:
            raise ValueError(f"the file {self.path} is longer than {_LONGEST_BYTES} bytes; a secret is one line")
        try:
            return _one_line(content.decode(), f"the file {self.path}")
        except UnicodeDecodeError:  # without its cause, which has the content
            raise ValueError(f"the file {self.path} is not text in UTF-8") from None

    def exposure(self) -> str:
        try:
            mode = self.path.stat().st_mode
        except OSError:
            return ""
        if not mode & (stat.S_IRGRP | stat.S_IROTH):
            return ""
        whom = "every user" if mode & stat.S_IROTH else "its group"
        return f"{whom} of this machine can read the secret in {self.path}; chmod 600 {self.path}"


class SecretKey(SecretInFile):
    """A private key in a file, such as ssh-keygen writes.  path: of the file, absolute."""

    def read(self) -> str:
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise ValueError(f"the file {self.path} can't be read: {error.strerror or error}") from error
        try:
            return content.decode()
        except UnicodeDecodeError:  # without its cause, which has the content
            raise ValueError(f"the file {self.path} is no private key as ssh-keygen writes it") from None


class SecretInEnvironment(_Source):
    """A secret in the environment of the exporter.  name: of the variable."""

    source: Literal["env"] = Field(alias="from")
    name: Annotated[str, Field(min_length=1)]

    def read(self) -> str:
        if self.name not in os.environ:
            raise ValueError(f"there is no variable {self.name} in the exporter's environment; set it")
        return _one_line(os.environ[self.name], f"the variable {self.name}")


def _one_line(text: str, place: str) -> str:
    secret = text.rstrip()
    if not secret:
        raise ValueError(f"{place} is empty; write the secret into it")
    if not secret.isprintable():
        raise ValueError(f"{place} has more than one line, or a character that can't be printed")
    return secret


def _is_told_where(value: Any) -> Any:
    """Refuses a secret itself without showing it; pydantic's own words would."""
    if isinstance(value, _Source):
        return value
    if not isinstance(value, Mapping):
        raise ValueError(f"must say where the secret is, not what it is: {_HOW}")
    if value.get("from") not in ("file", "env"):
        raise ValueError(f"must have `from: file` or `from: env`: {_HOW}")
    return value


def _is_readable(secret: SecretInFile | SecretInEnvironment) -> SecretInFile | SecretInEnvironment:
    if isinstance(secret, SecretInFile) and not secret.path.is_absolute():
        raise ValueError(f"the path {secret.path} must begin with /, as drivers have no folder of their own")
    secret.read()
    return secret


Secret = Annotated[
    SecretInFile | SecretInEnvironment,
    Field(discriminator="source"),
    BeforeValidator(_is_told_where),
    AfterValidator(_is_readable),
]
"""`{from: file, path: …}` or `{from: env, name: …}`. It is looked at when the driver is built, and read at each use."""


PrivateKey = Annotated[SecretKey, BeforeValidator(_is_told_where), AfterValidator(_is_readable)]
"""`{from: file, path: …}`, a file with a private key."""


def secrets_of(driver: Driver) -> Iterator[SecretInFile | SecretInEnvironment]:
    """The secrets among a driver's settings, also those within others."""
    for name in configuration_of(type(driver)).model_fields:
        yield from _found_in(getattr(driver, name, None))


def _found_in(value: Any) -> Iterator[SecretInFile | SecretInEnvironment]:
    if isinstance(value, SecretInFile | SecretInEnvironment):
        yield value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _found_in(getattr(value, name))
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _found_in(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _found_in(each)
