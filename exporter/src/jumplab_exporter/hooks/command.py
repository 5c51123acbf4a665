"""What a hook's script is run with: the interpreter that is configured, or the script's own."""

import os
import re
import shlex
import sys
from pathlib import Path

from jumplab_exporter.config import Hook

_SHELL = "/bin/sh"
_BY_EXTENSION = {".py": (sys.executable,), ".sh": (_SHELL,)}
_SURELY_A_PATH = re.compile(r"[^\s;&|<>$`'\"()*?~]+\.(py|sh)")


def command_of(hook: Hook) -> tuple[str, ...]:
    """The command of a hook: `EXEC -c SCRIPT`, or the file that the script names.

    A file is run by `exec` where that is set, else by its first line (`#!`), else by its extension, else by the shell.
    """
    interpreter = tuple(shlex.split(hook.exec)) if hook.exec else ()
    file = _file_of(hook.script)
    if file is None:
        return (*(interpreter or (_SHELL,)), "-c", hook.script)
    return (*(interpreter or _own_interpreter(file)), str(file))


def missing_file(script: str) -> str:
    """The file that the script seems to name, where there is none; else empty."""
    word = script.strip()
    return word if _SURELY_A_PATH.fullmatch(word) and not os.path.exists(word) else ""


def _file_of(script: str) -> Path | None:
    """The file whose path the script is: one line with a slash in it, or that ends as scripts do."""
    path = script.strip()
    if "\n" in path or not ("/" in path or path.endswith(tuple(_BY_EXTENSION))):
        return None
    return Path(path) if os.path.isfile(path) else None


def _own_interpreter(file: Path) -> tuple[str, ...]:
    try:
        with file.open("rb") as script:
            first = script.readline(256)
    except OSError:
        first = b""  # the shell says why it can't be read
    if first.startswith(b"#!") and first[2:].strip():
        # As the kernel has it: one argument at the most, white space and all.
        return tuple(first[2:].decode(errors="surrogateescape").strip().split(None, 1))
    if first.startswith(b"\x7fELF"):
        return ()
    return _BY_EXTENSION.get(file.suffix, (_SHELL,))
