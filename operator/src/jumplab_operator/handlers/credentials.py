"""The Secrets that exporters and clients are let in with: NAME-exporter and NAME-client.

Key `token` is the bearer token; key `ca.crt`, where the operator has a CA of its own, is what to trust.
"""

import base64
from dataclasses import dataclass
from datetime import datetime

from jumplab_operator.controller.lab import ApiRefused
from jumplab_operator.handlers.kube import CORE, KubeApi, Plain, path
from jumplab_operator.handlers.settings import TokenIssuer
from jumplab_operator.resources import GROUP, VERSION, Resource


@dataclass(frozen=True, slots=True)
class Credential:
    """A Secret with a token that is in force. `expires` is None for one that never does, or isn't known."""

    secret: str
    token: str
    expires: datetime | None
    fresh: bool


class Credentials:
    """Keeps each exporter's and client's Secret. A Secret that belongs to someone else is never touched."""

    def __init__(self, kube: KubeApi, issuer: TokenIssuer, ca_pem: str = "") -> None:
        self._kube = kube
        self._issuer = issuer
        self._ca = {"ca.crt": _encoded(ca_pem)} if ca_pem else {}
        self._known: dict[str, str] = {}

    async def ensure(self, resource: Resource) -> Credential:
        """The resource's credential, made or renewed where need be. Raises ApiRefused."""
        name = secret_name(resource)
        known = self._known.get(resource.uid)
        if known is not None and self._is_current(resource, known):
            return Credential(name, known, None, fresh=False)
        secret = await self._kube.get(path(CORE, "secrets", resource.namespace, name))
        token = _token(secret, resource)
        if secret is not None and token is not None and self._is_current(resource, token):
            await self._keep_ca(resource, secret)
            self._known[resource.uid] = token
            return Credential(name, token, None, fresh=False)
        return await self._write(resource, secret)

    async def rotate(self, resource: Resource) -> Credential:
        """A new token in the resource's Secret. Raises ApiRefused."""
        return await self._write(
            resource, await self._kube.get(path(CORE, "secrets", resource.namespace, secret_name(resource)))
        )

    def forget(self, uid: str) -> None:
        self._known.pop(uid, None)

    def _is_current(self, resource: Resource, token: str) -> bool:
        return self._issuer.is_current(token, resource.KIND, resource.namespace, resource.name, resource.uid)

    async def _keep_ca(self, resource: Resource, secret: Plain) -> None:
        """Puts the CA that signs now beside a token that is still in force."""
        if not self._ca.items() <= secret["data"].items():
            name = path(CORE, "secrets", resource.namespace, secret["metadata"]["name"])
            version = {"resourceVersion": secret["metadata"]["resourceVersion"]}
            await self._kube.merge(name, {"metadata": version, "data": self._ca})

    async def _write(self, resource: Resource, existing: Plain | None) -> Credential:
        name = secret_name(resource)
        token, expires = self._issuer.issue(resource.KIND, resource.namespace, resource.name, resource.uid)
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "Opaque",
            "metadata": {"name": name, "ownerReferences": [_owner(resource)]},
            "data": {"token": _encoded(token), **self._ca},
        }
        if existing is None:
            await self._kube.create(path(CORE, "secrets", resource.namespace), body)
        else:
            _check_owner(existing, resource)
            version = {"resourceVersion": existing["metadata"]["resourceVersion"]}
            body = {"metadata": {**version, "ownerReferences": [_owner(resource)]}, "data": body["data"]}
            await self._kube.merge(path(CORE, "secrets", resource.namespace, name), body)
        self._known[resource.uid] = token
        return Credential(name, token, expires, fresh=True)


def secret_name(resource: Resource) -> str:
    """`bench-3-exporter`, `ci-client`."""
    return f"{resource.name}-{resource.KIND.lower()}"


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


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
        sentence = f'Secret "{name}" is not {resource.KIND} "{resource.name}"\'s own; delete or rename it'
        raise ApiRefused(403, sentence)


def _owner(resource: Resource) -> dict[str, str]:
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": resource.KIND,
        "name": resource.name,
        "uid": resource.uid,
    }
