"""Stream tokens: what a peer must present to open a stream, made by the controller and checked by the router.

A controller signs with its private key (ES256); routers have the public one.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey

from jumplab_operator.errors import OperatorError

ISSUER = "https://jumpstarter.dev/stream"
AUDIENCE = "https://jumpstarter.dev/router"
ALGORITHM = "ES256"

# How long after Dial a token opens the first stream of its session.
LIFETIME = timedelta(seconds=60)

_REMEMBERED = 4096


class Role(StrEnum):
    """Which end of a session a token is for."""

    CLIENT = "client"
    EXPORTER = "exporter"


class InvalidStreamToken(OperatorError):
    """The token is not one of ours; the message has the reason."""


@dataclass(frozen=True, slots=True)
class StreamClaims:
    """The claims of a stream token.

    session: the id that both peers' tokens share;  lease and exporter: uids;  lease_name: `NAMESPACE/NAME`;
    holder: the client that the lease is of;  deadline: when the streams are cut unless the lease has been prolonged
    meanwhile;  expires: until when it opens a session;  logs: the session reads the lease's console logs and nothing
    else, so it outlives the lease;  credential: the id of the one by which the peer got the token.
    """

    session: str
    role: Role
    lease: str
    lease_name: str
    holder: str
    exporter: str
    deadline: datetime
    expires: datetime
    logs: bool = False
    credential: str = ""


class TokenReader:
    """Reads tokens, and remembers the last few thousand: a session's peers present the same two for each stream, and a
    signature that was good stays good."""

    def __init__(self, key: EllipticCurvePublicKey) -> None:
        self._key = key
        self._known: dict[str, StreamClaims] = {}

    def read(self, token: str) -> StreamClaims:
        """The claims of a token. Raises InvalidStreamToken."""
        claims = self._known.pop(token, None) or read(token, self._key)
        self.remember(token, claims)
        return claims

    def remember(self, token: str, claims: StreamClaims) -> None:
        """Takes these claims to be the token's, whose signature was made here or found to be good."""
        self._known[token] = claims
        while len(self._known) > _REMEMBERED:
            del self._known[next(iter(self._known))]


def mint(claims: StreamClaims, key: EllipticCurvePrivateKey) -> str:
    """The signed token."""
    payload: dict[str, Any] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": claims.session,
        "role": claims.role.value,
        "lease": claims.lease,
        "lease_name": claims.lease_name,
        "holder": claims.holder,
        "exporter": claims.exporter,
        "deadline": claims.deadline.timestamp(),
        "exp": claims.expires.timestamp(),
    }
    if claims.logs:
        payload["logs"] = True
    if claims.credential:
        payload["credential"] = claims.credential
    return jwt.encode(payload, key, algorithm=ALGORITHM)


def read(token: str, key: EllipticCurvePublicKey) -> StreamClaims:
    """The claims of a token with a valid signature; whether it has expired is the caller's to judge.

    Raises InvalidStreamToken.
    """
    required = ["sub", "role", "lease", "lease_name", "holder", "exporter", "deadline", "exp"]
    try:
        payload = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            issuer=ISSUER,
            audience=AUDIENCE,
            options={"require": required, "verify_exp": False},
        )
        return StreamClaims(
            session=str(payload["sub"]),
            role=Role(payload["role"]),
            lease=str(payload["lease"]),
            lease_name=str(payload["lease_name"]),
            holder=str(payload["holder"]),
            exporter=str(payload["exporter"]),
            deadline=datetime.fromtimestamp(payload["deadline"], UTC),
            expires=datetime.fromtimestamp(payload["exp"], UTC),
            logs=payload.get("logs") is True,
            credential=str(payload.get("credential", "")),
        )
    except (jwt.InvalidTokenError, ValueError, TypeError, OverflowError) as error:
        raise InvalidStreamToken(f"the stream token is not valid ({error}); dial again for a new one") from error
