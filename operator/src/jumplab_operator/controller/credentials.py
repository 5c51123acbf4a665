"""Credential tokens: exporters and clients prove their identity with them.

The operator makes one for each Exporter and Client and writes it into the resource's Secret. A token is good as long as
its signature holds, it hasn't expired, the resource still has the uid it was made for, and the Secret still holds it: a
token that was replaced is dead, as is one of a resource that was deleted and made anew.
"""

import base64
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey

from jumplab.protocol.moments import at_moment
from jumplab.transport.tokens import same_token
from jumplab_operator.audit import credential_id
from jumplab_operator.errors import OperatorError
from jumplab_operator.names import Name

ISSUER = "jumplab-operator"
AUDIENCE = "jumplab-controller"
ALGORITHM = "ES256"

CLIENT_LIFETIME = timedelta(days=365)
_REMEMBERED = 20_000
"""How many verified tokens are remembered."""


class InvalidCredential(OperatorError):
    """The token proves nothing; the message has the reason and what to do."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a token speaks for. kind: `Client` or `Exporter`."""

    kind: str
    name: Name
    uid: str

    def __str__(self) -> str:
        return f"{self.kind.lower()} {self.name.namespace}/{self.name.name}"


@dataclass(frozen=True, slots=True)
class AcceptedTokens:
    """The tokens of a resource by its Secret: the one that is in force, and the previous one until a moment."""

    token: str = field(repr=False)
    previous: str = field(default="", repr=False)
    until: datetime | None = None

    def accepts(self, token: str, now: datetime) -> bool:
        return same_token(self.token, token) or (self.has_previous(now) and same_token(self.previous, token))

    def has_previous(self, now: datetime) -> bool:
        """Whether the previous token is still good."""
        return bool(self.previous) and self.until is not None and now < self.until

    def ids(self, now: datetime) -> tuple[str, ...]:
        """The ids of the credentials that are good now."""
        return tuple(map(credential_id, (self.token, self.previous) if self.has_previous(now) else (self.token,)))


TOKEN, PREVIOUS_TOKEN, PREVIOUS_UNTIL = "token", "previous-token", "previous-token-until"
"""The keys of a Secret."""


def accepted_tokens(secret: Mapping[str, Any]) -> AcceptedTokens | None:
    """What a Secret holds; None without a token. What somebody has written into the other keys counts as nothing."""
    token = _decoded(secret, TOKEN)
    try:
        until = datetime.fromisoformat(_decoded(secret, PREVIOUS_UNTIL)).astimezone(UTC)
    except (ValueError, OverflowError):
        return AcceptedTokens(token) if token else None
    return AcceptedTokens(token, _decoded(secret, PREVIOUS_TOKEN), until) if token else None


def _decoded(secret: Mapping[str, Any], key: str) -> str:
    try:
        return base64.b64decode((secret.get("data") or {}).get(key) or "", validate=True).decode()
    except (ValueError, TypeError):  # somebody has written something else into it
        return ""


class CredentialIssuer:
    """Makes and reads credential tokens.

    client_lifetime: how long a client's token is good (an exporter's doesn't expire);  now: the time.
    issued: is told of each new token, with whose it is.
    """

    def __init__(
        self,
        key: EllipticCurvePrivateKey,
        *,
        client_lifetime: timedelta = CLIENT_LIFETIME,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        issued: Callable[[str, Name, str], None] = lambda _kind, _name, _token: None,
    ) -> None:
        self._key = key
        self._client_lifetime = client_lifetime
        self._now = now
        self._issued = issued
        self._read: dict[str, tuple[Subject, datetime | None]] = {}

    @property
    def public_key(self) -> EllipticCurvePublicKey:
        """The key that verifies the tokens."""
        return self._key.public_key()

    def issue(self, kind: str, namespace: str, name: str, uid: str) -> tuple[str, datetime | None]:
        """A new token, unlike all before, and when it expires (None: never). kind: `Client` or `Exporter`."""
        now = self._now()
        claims: dict[str, object] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": f"{kind.lower()}:{namespace}:{name}:{uid}",
            "jti": secrets.token_urlsafe(12),
            "iat": int(now.timestamp()),
        }
        expires = None
        if kind == "Client":
            expires = (now + self._client_lifetime).replace(microsecond=0)
            claims["exp"] = int(expires.timestamp())
        token = jwt.encode(claims, self._key, algorithm=ALGORITHM)
        self._issued(kind, Name(namespace, name), token)
        return token, expires

    def is_current(self, token: str, kind: str, namespace: str, name: str, uid: str) -> bool:
        """Whether the token is good for that very object."""
        try:
            return self.read(token) == Subject(kind, Name(namespace, name), uid)
        except InvalidCredential:
            return False

    def read(self, token: str) -> Subject:
        """Whom the token speaks for. Raises InvalidCredential where it isn't ours or has expired.

        Whether the resource's Secret still has it is for the caller to check.
        """
        subject, expires = self._read.get(token) or self._verified(token)
        if expires is not None and self._now() >= expires:
            raise InvalidCredential(
                f"the token expired {at_moment(expires, self._now())} by the controller's clock, which says "
                f"{self._now():%Y-%m-%d %H:%M} UTC; the new one is in the Secret "
                f"{secret_name(subject.kind, subject.name.name)}, key token"
            )
        return subject

    def _verified(self, token: str) -> tuple[Subject, datetime | None]:
        """The claims of the token, and its expiry. A good signature stays good: it is verified once."""
        try:
            claims = jwt.decode(
                token,
                self.public_key,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                audience=AUDIENCE,
                options={"require": ["sub"], "verify_exp": False, "verify_iat": False},
            )
            subject = _parse_subject(str(claims["sub"]))
            expires = datetime.fromtimestamp(int(claims["exp"]), UTC) if "exp" in claims else None
        except (jwt.InvalidTokenError, ValueError, TypeError, OverflowError) as error:
            raise InvalidCredential(
                f"this controller did not issue the token ({error}); use the one in the Secret NAME-client or "
                "NAME-exporter, key token"
            ) from error
        while len(self._read) >= _REMEMBERED:
            del self._read[next(iter(self._read))]
        self._read[token] = subject, expires
        return subject, expires


def secret_name(kind: str, name: str) -> str:
    """The name of the Secret with a resource's token (key `token`), in the resource's namespace."""
    return f"{name}-{kind.lower()}"


def _parse_subject(text: str) -> Subject:
    kind, namespace, name, uid = text.split(":")
    if kind == "client":
        return Subject("Client", Name(namespace, name), uid)
    if kind == "exporter":
        return Subject("Exporter", Name(namespace, name), uid)
    raise ValueError(f'"{kind}" is neither client nor exporter')
