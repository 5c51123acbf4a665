"""Tokens of service accounts: made on request, signed with the API's own key, good while their account exists.

Their claims are those of Kubernetes' bound tokens: `sub` is system:serviceaccount:NAMESPACE:NAME, and `kubernetes.io`
says which account, by its uid.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from jumplab_operator.standalone.auth.users import AUTHENTICATED, Lookup, User
from jumplab_operator.standalone.base.kinds import Object
from jumplab_operator.standalone.objects.built_in import SERVICE_ACCOUNTS
from jumplab_operator.standalone.storage.store import Key

AUDIENCE = "https://kubernetes.default.svc"
"""Whom a token is for where the request doesn't say, and what a token must be for to be accepted here."""
SHORTEST = timedelta(minutes=10)
DEFAULT = timedelta(hours=1)
LONGEST = timedelta(seconds=1 << 32)
_ALGORITHM = "ES256"
_EVERYBODY = "system:serviceaccounts"


@dataclass(frozen=True, slots=True)
class Proven:
    """What a token says: its account's user, and whom it is for."""

    user: User
    audiences: tuple[str, ...]


class ServiceAccounts:
    """Makes and reads the tokens."""

    def __init__(self, key: EllipticCurvePrivateKey, clock: Callable[[], datetime]) -> None:
        self._key = key
        self._clock = clock

    def issue(self, account: Object, audiences: Sequence[str], lifetime: timedelta) -> tuple[str, datetime]:
        """A token for an account, and when it expires."""
        metadata = account["metadata"]
        now = self._clock().replace(microsecond=0)
        expires = now + lifetime
        claims = {
            "iss": AUDIENCE,
            "aud": list(audiences),
            "sub": user_name(metadata["namespace"], metadata["name"]),
            "iat": int(now.timestamp()),
            "nbf": int(now.timestamp()),
            "exp": int(expires.timestamp()),
            "kubernetes.io": {
                "namespace": metadata["namespace"],
                "serviceaccount": {"name": metadata["name"], "uid": metadata["uid"]},
            },
        }
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM), expires

    def read(self, token: str, lookup: Lookup, audiences: Sequence[str] = (AUDIENCE,)) -> Proven | None:
        """What a token proves to one of these audiences; None for one that is wrong, over, or of an account gone."""
        try:
            claims = jwt.decode(
                token,
                self._key.public_key(),
                [_ALGORITHM],
                {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "require": ["exp", "sub"]},
                audience=list(audiences),
                issuer=AUDIENCE,
            )
            bound = claims["kubernetes.io"]
            namespace, account = str(bound["namespace"]), bound["serviceaccount"]
            expires = datetime.fromtimestamp(int(claims["exp"]), UTC)
        except (jwt.InvalidTokenError, KeyError, TypeError, ValueError, OverflowError):
            return None
        found = lookup(Key(SERVICE_ACCOUNTS.resource, namespace, str(account["name"])))
        if self._clock() >= expires or found is None or found["metadata"]["uid"] != account["uid"]:
            return None
        groups = (_EVERYBODY, f"{_EVERYBODY}:{namespace}", AUTHENTICATED)
        user = User(user_name(namespace, found["metadata"]["name"]), groups, found["metadata"]["uid"])
        return Proven(user, tuple(each for each in claims["aud"] if each in audiences))


def user_name(namespace: str, name: str) -> str:
    return f"system:serviceaccount:{namespace}:{name}"
