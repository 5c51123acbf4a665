"""The gate: whom a request's token proves, and whether that user may do what it asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from multidict import CIMultiDictProxy

from jumplab.transport.tokens import presented_token, same_token
from jumplab_operator.standalone.auth.service_accounts import ServiceAccounts
from jumplab_operator.standalone.auth.users import AUTHENTICATED, Lookup, Tenancy, User
from jumplab_operator.standalone.base import errors, rbac
from jumplab_operator.standalone.base.kinds import Object
from jumplab_operator.standalone.base.rbac import Act, Grant
from jumplab_operator.standalone.storage.store import Key


@dataclass(frozen=True, slots=True)
class Gate:
    """Lets users in by their tokens: the fixed ones, those of service accounts, and those of the tenancy.

    The fixed ones may be replaced meanwhile.
    """

    fixed: Mapping[str, User]
    accounts: ServiceAccounts
    tenancy: Tenancy | None
    lookup: Lookup

    def enter(self, headers: CIMultiDictProxy[str]) -> User | None:
        """The user of a request, or the one that it asks to be taken for; None without a good token.

        Raises a 403 for who may not be taken for another.
        """
        user = self.user(presented_token(headers.get("Authorization", "")))
        return self._impersonated(user, headers) if user else None

    def user(self, token: str) -> User | None:
        """The user that a token proves; an empty one proves nobody."""
        if not token:
            return None
        found = [user for known, user in self.fixed.items() if same_token(known, token)]
        if found:
            return found[0]
        account = self.accounts.read(token, self.lookup)
        if account is not None:
            return account.user
        return self.tenancy.user(token, self.lookup) if self.tenancy else None

    def is_revoked(self, user: User) -> bool:
        """Whether a user who was let in is gone, or what proved that one was removed or replaced."""
        if user.token and not user.credential:
            return all(user.token != each.token for each in self.fixed.values())
        return self.tenancy is not None and self.tenancy.is_revoked(user, self.lookup)

    def grants(self, user: User) -> Sequence[Grant]:
        """All that a user may do."""
        if user.may_do_everything:
            return (rbac.EVERYTHING,)
        return (rbac.ANYBODY, *(self.tenancy.grants(user) if self.tenancy else ()))

    def permits(self, user: User, act: Act) -> bool:
        return rbac.is_permitted(act, self.grants(user))

    def check(self, user: User, act: Act) -> None:
        """Raises a 403 for what the user may not do."""
        if not self.permits(user, act):
            raise errors.not_permitted(act, f'User "{user.name}" cannot {act}')

    def refusal(self, user: User, key: Key, old: Object | None, new: Object | None) -> str | None:
        """Why the tenancy doesn't admit a write; it is asked about everybody but the members of `system:masters`."""
        if self.tenancy is None or user.may_do_everything:
            return None
        return self.tenancy.refusal(user, key, old, new)

    def _impersonated(self, user: User, headers: CIMultiDictProxy[str]) -> User:
        name, groups = headers.get("Impersonate-User", ""), headers.getall("Impersonate-Group", [])
        if not name and not groups:
            return user
        if not name:
            raise errors.bad_request("Impersonate-Group is set without Impersonate-User; say who is to be acted for")
        self.check(user, Act("impersonate", resource="users", name=name))
        return User(name, (*groups, AUTHENTICATED), token="" if user.credential else user.token)
