"""Who asks: bearer tokens, each with its user."""

from __future__ import annotations

import hmac
from collections.abc import Mapping


class Tokens:
    """Tells the user of a token; compares in constant time."""

    def __init__(self, users: Mapping[str, str]) -> None:
        self._users = {token.encode(): user for token, user in users.items()}

    def user(self, authorization: str) -> str | None:
        """The user that an Authorization header proves, None for anybody else."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return None
        sent = token.strip().encode()
        found = [user for known, user in self._users.items() if hmac.compare_digest(known, sent)]
        return found[0] if found else None
