"""The file of a client's token, which may be replaced while a program runs."""

import logging
from pathlib import Path

from jumplab.yaml_documents import YamlRefused, read_document, reading_problem

_log = logging.getLogger(__name__)


class TokenFile:
    """A configuration file, read again whenever it has changed.  token: the one that was read first."""

    def __init__(self, path: Path, token: str) -> None:
        self.path = path
        self._token = token
        self._seen = _state_of(path)

    def token(self) -> str:
        """The token of now. A file that can't be read, or has none, changes nothing."""
        state = _state_of(self.path)
        if state != self._seen:
            self._seen = state
            self._token = self._read() or self._token
        return self._token

    def _read(self) -> str:
        """Empty where it has none."""
        try:
            content = read_document(self.path.read_text(encoding="utf-8")).content
        except (OSError, UnicodeDecodeError, YamlRefused) as error:
            _log.warning("%s: %s; the previous token is still used", self.path, reading_problem(error))
            return ""
        token = content.get("token") if isinstance(content, dict) else None
        return token.strip() if isinstance(token, str) and len(token.split()) == 1 else ""


def _state_of(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
