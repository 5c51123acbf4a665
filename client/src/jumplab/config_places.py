"""Where Jumpstarter's configuration files of a user lie: those of clients, and of exporters."""

import os
import pwd
from collections.abc import Mapping
from pathlib import Path


class NoHome(ValueError):
    """There is no folder for a user's files. The sentence says why; what to set instead is the caller's to say."""


def config_home(environment: Mapping[str, str]) -> Path:
    """JMP_CLIENT_CONFIG_HOME, else `jumpstarter` below XDG_CONFIG_HOME, else ~/.config/jumpstarter. Raises NoHome."""
    if own := environment.get("JMP_CLIENT_CONFIG_HOME"):
        return Path(own)
    base = environment.get("XDG_CONFIG_HOME", "")
    if not os.path.isabs(base):  # as the XDG Base Directory Specification has it
        return home_of(environment) / ".config" / "jumpstarter"
    return Path(base) / "jumpstarter"


def home_of(environment: Mapping[str, str]) -> Path:
    """HOME, else what the system knows of the user. Raises NoHome, as in a container with a random user id."""
    if home := environment.get("HOME"):
        return Path(home)
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError as error:
        raise NoHome(
            f"user {os.getuid()} has no home: HOME is not set, and /etc/passwd has no entry for this user"
        ) from error
