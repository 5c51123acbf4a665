"""The Secrets that exporters and clients are let in with: NAME-exporter and NAME-client.

Key `token` is the bearer token; key `ca.crt`, where the operator has a CA of its own, is what to trust. A new token is
written into the Secret that is there: one of another uid means that the credential was removed. `previous-token` is
the one that was replaced, where it is still accepted, until `previous-token-until`.
"""

import base64
import hmac
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from jumplab.protocol.durations import parse_duration
from jumplab_operator.clock import Clock
from jumplab_operator.controller.credentials import PREVIOUS_TOKEN, PREVIOUS_UNTIL, accepted_tokens
from jumplab_operator.errors import ApiRefused, TokenReplaced
from jumplab_operator.kube.client import CORE, KubeApi, Plain, path
from jumplab_operator.reconcile.context.callers import Callers
from jumplab_operator.resources import GROUP, VERSION, Resource


class TokenIssuer(Protocol):
    """Makes the bearer tokens of exporters and clients. `kind` is Exporter or Client."""

    def issue(self, kind: str, namespace: str, name: str, uid: str) -> tuple[str, datetime | None]:
        """A new token, and when it expires (None: never)."""
        ...

    def is_current(self, token: str, kind: str, namespace: str, name: str, uid: str) -> bool:
        """Whether the token is good for that very object and not due to be replaced."""
        ...


ROTATE = "jumplab.dev/rotate-token"
"""The annotation by which an administrator has a resource's token replaced: each new value means once. The Secret gets
the same value with the new token, so that it is replaced once, also after a crash."""
OVERLAP = "jumplab.dev/token-overlap"
"""The annotation beside it: how long the replaced token is still accepted, as a Go duration; none where it is none."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A Secret with a token that is in force. `expires` is None for one that never does, or isn't known."""

    secret: str
    uid: str
    """The Secret's, as is `created`."""
    created: datetime
    token: str
    expires: datetime | None
    fresh: bool
    rotation: str = ""
    """The value of the resource's annotation ROTATE for which the token was issued."""


class CredentialRemoved(Exception):
    """The Secret that was recorded is not there any more."""


class Credentials:
    """Writes the Secret of each exporter and client. A Secret of another owner is never touched."""

    def __init__(self, kube: KubeApi, issuer: TokenIssuer, ca_pem: str, callers: Callers, clock: Clock) -> None:
        self._kube = kube
        self._callers = callers
        self._clock = clock
        self._issuer = issuer
        self._ca = _published(ca_pem)
        self._known: dict[str, Credential] = {}

    async def ensure(self, resource: Resource, recorded: str = "") -> Credential:
        """The resource's credential, made or renewed where need be.

        recorded: the uid of the Secret that it had. Raises CredentialRemoved where that one is gone, and has written
        nothing then; ApiError.
        """
        known = self._known.get(resource.uid)
        if (
            known is not None
            and not _is_to_rotate(resource, known.rotation)
            and self._is_current(resource, known.token)
        ):
            return known
        secret = await self._read(resource)
        if recorded and _uid(secret) != recorded:
            raise CredentialRemoved
        token = _token(secret, resource)
        if secret is None or token is None or not self._is_current(resource, token):
            return await self._write(resource, secret)
        if _is_to_rotate(resource, _rotation(secret)):
            return await self._write(resource, secret, previous=token)
        await self._update_ca(resource, secret)
        return self._remember(resource, secret, token)

    async def renew(self, resource: Resource) -> Credential:
        """A new token, whatever there is. Raises ApiError."""
        return await self._write(resource, await self._read(resource))

    async def rotate(self, resource: Resource, token: str, recorded: str) -> Credential:
        """A new token in place of this one, in the same Secret. Raises TokenReplaced, ApiError."""
        secret = await self._read(resource)
        known = _token(secret, resource)
        is_current = known is not None and hmac.compare_digest(known.encode(), token.encode())
        if not is_current or (recorded and _uid(secret) != recorded):
            raise TokenReplaced(f'the token of client "{resource.name}" was replaced or removed; use the new one')
        return await self._write(resource, secret)

    def publish_ca(self, ca_pem: str) -> bool:
        """From now on, each Secret gets this CA when its resource is reconciled; False where they have it already."""
        if _published(ca_pem) == self._ca:
            return False
        self._ca = _published(ca_pem)
        self._known.clear()
        return True

    def is_as_known(self, resource: Resource, secret: Plain | None) -> bool:
        """Whether this is what was last known to be the resource's Secret, or none was."""
        known = self._known.get(resource.uid)
        return known is None or (_uid(secret), _token(secret, resource)) == (known.uid, known.token)

    def forget(self, uid: str) -> None:
        self._known.pop(uid, None)

    async def _read(self, resource: Resource) -> Plain | None:
        return await self._kube.get(secret_path(resource))

    def _remember(self, resource: Resource, secret: Plain, token: str) -> Credential:
        metadata = secret["metadata"]
        created = datetime.fromisoformat(metadata["creationTimestamp"])
        credential = Credential(metadata["name"], metadata["uid"], created, token, None, False, _rotation(secret))
        self._known[resource.uid] = credential
        if (tokens := accepted_tokens(secret)) is not None:
            why = f'the token of {resource.KIND.lower()} "{resource.name}" was replaced; use the new one'
            self._callers.note_tokens(resource.uid, tokens, self._clock.now(), why)
        return credential

    def _is_current(self, resource: Resource, token: str) -> bool:
        return self._issuer.is_current(token, resource.KIND, resource.namespace, resource.name, resource.uid)

    async def _update_ca(self, resource: Resource, secret: Plain) -> None:
        """Puts the CA that signs now beside a token that is still in force."""
        if not self._ca.items() <= secret["data"].items():
            version = {"resourceVersion": secret["metadata"]["resourceVersion"]}
            await self._kube.merge(secret_path(resource), {"metadata": version, "data": self._ca})

    async def _write(self, resource: Resource, existing: Plain | None, previous: str = "") -> Credential:
        """A new token.  previous: one that is accepted meanwhile, for as long as the administrator has said."""
        name = secret_name(resource)
        token, expires = self._issuer.issue(resource.KIND, resource.namespace, resource.name, resource.uid)
        annotations = {ROTATE: wanted} if (wanted := resource.metadata.annotations.get(ROTATE)) else {}
        data: dict[str, str | None] = {"token": _encoded(token), **self._ca}
        body: Plain = {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "Opaque",
            "metadata": {"name": name, "ownerReferences": [_owner(resource)], "annotations": annotations},
            "data": data,
        }
        if existing is None:
            written = await self._kube.create(path(CORE, "secrets", resource.namespace), body)
        else:
            _check_owner(existing, resource)
            version = {"resourceVersion": existing["metadata"]["resourceVersion"]}
            metadata = {**version, "ownerReferences": [_owner(resource)], "annotations": annotations}
            body = {"metadata": metadata, "data": data | _previous(previous, _overlap(resource), self._clock.now())}
            written = await self._kube.merge(secret_path(resource), body)
        return replace(self._remember(resource, written, token), expires=expires, fresh=True)


def _is_to_rotate(resource: Resource, done: str) -> bool:
    """Whether an administrator has asked for a new token since the one at hand was issued."""
    return resource.metadata.annotations.get(ROTATE, done) != done


def _rotation(secret: Plain) -> str:
    annotations: dict[str, str] = secret["metadata"].get("annotations") or {}
    return annotations.get(ROTATE, "")


def _overlap(resource: Resource) -> timedelta:
    try:
        return parse_duration(resource.metadata.annotations.get(OVERLAP, "0s"))
    except ValueError:
        return timedelta(0)


def _previous(token: str, overlap: timedelta, now: datetime) -> dict[str, str | None]:
    """The keys of a Secret for a token that was replaced, as a merge patch."""
    if not token or overlap <= timedelta(0):
        return {PREVIOUS_TOKEN: None, PREVIOUS_UNTIL: None}
    until = (now + overlap).isoformat(timespec="seconds")
    return {PREVIOUS_TOKEN: _encoded(token), PREVIOUS_UNTIL: _encoded(until)}


def _published(ca_pem: str) -> dict[str, str]:
    """The keys of a Secret for a CA."""
    return {"ca.crt": _encoded(ca_pem)} if ca_pem else {}


def secret_name(resource: Resource) -> str:
    """`bench-3-exporter`, `ci-client`."""
    return f"{resource.name}-{resource.KIND.lower()}"


def secret_path(resource: Resource) -> str:
    """The path of the resource's Secret in the API."""
    return path(CORE, "secrets", resource.namespace, secret_name(resource))


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _uid(secret: Plain | None) -> str:
    """The Secret's uid; empty where there is none."""
    return str(secret["metadata"]["uid"]) if secret is not None else ""


def _token(secret: Plain | None, resource: Resource) -> str | None:
    if secret is None or resource.uid not in [owner.get("uid") for owner in _owners(secret)]:
        return None
    try:
        return base64.b64decode((secret.get("data") or {}).get("token") or "", validate=True).decode()
    except ValueError:
        return None


def _owners(secret: Plain) -> list[Plain]:
    return list(secret["metadata"].get("ownerReferences") or [])


def _check_owner(secret: Plain, resource: Resource) -> None:
    wanted = (resource.KIND, resource.name)
    if wanted not in [(owner.get("kind"), owner.get("name")) for owner in _owners(secret)]:
        name = secret["metadata"]["name"]
        sentence = f'Secret "{name}" does not belong to {resource.KIND} "{resource.name}"; delete or rename it'
        raise ApiRefused(403, sentence)


def _owner(resource: Resource) -> dict[str, str]:
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": resource.KIND,
        "name": resource.name,
        "uid": resource.uid,
    }
