"""Who asks: users as tokens prove them, and what whoever composes the API adds to its administrator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from jumplab_operator.standalone.base.kinds import Object
from jumplab_operator.standalone.base.rbac import Grant
from jumplab_operator.standalone.storage.store import Key

SUPERUSERS = "system:masters"
AUTHENTICATED = "system:authenticated"

Lookup = Callable[[Key], Object | None]
"""Finds a stored object as it is now."""


@dataclass(frozen=True, slots=True)
class User:
    """A name with its groups; the members of `system:masters` may do everything."""

    name: str
    groups: tuple[str, ...] = (AUTHENTICATED,)
    uid: str = ""
    credential: str = ""
    """What proved the user, where that may be removed: the uid of the object that held the token."""

    token: str = ""
    """What proved the user, where it may be replaced: the id of the token. Without `credential`: of a fixed one."""

    is_own: bool = False
    """Whether it is a part of this very process, which asks as often as it needs to."""

    @property
    def is_bounded(self) -> bool:
        """Whether there are bounds on how often it asks, and how much at once."""
        return not (self.is_own or self.may_do_everything)

    @property
    def may_do_everything(self) -> bool:
        return SUPERUSERS in self.groups


ADMINISTRATOR = User("admin", (SUPERUSERS, AUTHENTICATED))


class Tenancy(Protocol):
    """Users beside the administrator: what proves them, what they may do, and what they may not say."""

    def user(self, token: str, lookup: Lookup) -> User | None:
        """The user that a token proves, None for a token of somebody else's."""
        ...

    def is_revoked(self, user: User, lookup: Lookup) -> bool:
        """Whether a user who was let in is gone, or what proved that one was removed or replaced."""
        ...

    def grants(self, user: User) -> Sequence[Grant]:
        """What a user may do."""
        ...

    def refusal(self, user: User, key: Key, old: Object | None, new: Object | None) -> str | None:
        """Why a user who may write there may not make this of that (old None: a creation, new None: a deletion)."""
        ...
