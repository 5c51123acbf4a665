"""What a hook's script is run with: the interpreter that is configured, or the script's own."""

import re
import shlex
import sys
from pathlib import Path

from jumplab_exporter.config import Hook

_SHELL = "/bin/sh"
_BY_EXTENSION = {".py": (sys.executable,), ".sh": (_SHELL,)}
_WORD = r"[^\s;&|<>$`'\"()*?~]"
_PATH = re.compile(rf"{_WORD}*(/{_WORD}+|\.(py|sh))")


def command_of(hook: Hook) -> tuple[str, ...]:
    """The command of a hook: `EXEC -c SCRIPT`, or the file that the script names.

    A file is run by `exec` where that is set, else by its first line (`#!`), else by its extension, else by the shell.
    """
    interpreter = tuple(shlex.split(hook.exec)) if hook.exec else ()
    file = _named_file(hook)
    if file is None or not file.is_file():
        return (*(interpreter or (_SHELL,)), "-c", hook.script)
    return (*(interpreter or _own_interpreter(file)), str(file))


def missing_file(hook: Hook) -> str:
    """The file that the script seems to name, where there is none; else empty."""
    file = _named_file(hook)
    is_certain = file is not None and file.suffix in _BY_EXTENSION
    return str(file) if file is not None and is_certain and not file.exists() else ""


def _named_file(hook: Hook) -> Path | None:
    """A single word that is a path, by a slash in it or by its extension."""
    word = hook.script.strip()
    return Path(word) if _PATH.fullmatch(word) else None


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
