"""Where the operator's keys are kept: in a Secret on a cluster, in the data directory on one machine."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from jumplab_operator.authority import ROTATION, Authority, Step, step_made
from jumplab_operator.clock import now
from jumplab_operator.controller import keys
from jumplab_operator.controller.keys import Keys, rotation_in
from jumplab_operator.errors import KeysUnusable, WrongOrder
from jumplab_operator.kube.client import CORE, KubeApi, Plain, path
from jumplab_operator.standalone.storage.datadir import DataDir

KEYS_SECRET = "jumplab-operator-keys"  # noqa: S105 - a Secret's name
TAKEN_OVER = "jumplab.dev/ca-taken-over"
"""The annotation of that Secret by which an operator says what it has published: the SHA-256 of the CA."""


async def keys_in_secret(kube: KubeApi, namespace: str) -> Keys:
    """The keys in the Secret of an operator on a cluster; made on the first start. Raises ApiError, KeysUnusable."""
    secret = await kube.get(_path(namespace))
    if secret is None:
        made = Keys.make(now())
        data = {name: _encoded(content) for name, content in made.files().items()}
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": KEYS_SECRET}, "type": "Opaque", "data": data}
        await kube.create(path(CORE, "secrets", namespace), body)
        return made
    return _keys_of(secret, namespace)


@dataclass(frozen=True, slots=True)
class SecretAuthority:
    """The authority in the Secret of an operator on a cluster, and its rotation.  namespace: the operator's own."""

    kube: KubeApi
    namespace: str

    async def follow(self, served: Authority) -> Authority:
        """Notes in the Secret that this authority is served and published, and answers with the one that is stored.

        Raises ApiError, KeysUnusable.
        """
        secret = await self._read()
        is_rotated = ROTATION in _files(secret) or _taken_over(secret)
        if is_rotated and _taken_over(secret) != _digest(served):
            metadata = {**_version(secret), "annotations": {TAKEN_OVER: _digest(served)}}
            secret = await self.kube.merge(_path(self.namespace), {"metadata": metadata})
        return _keys_of(secret, self.namespace).authority

    async def rotate(self, step: Step) -> None:
        """Makes a step, in one write; nothing where it was made already. Raises WrongOrder, ApiError, KeysUnusable."""
        secret = await self._read()
        before = rotation_in(_files(secret))
        after = step_made(step, before, now())
        if after == before:
            return
        if before is not None and not await self.is_taken_over():
            raise WrongOrder("the operator has not taken over the last step; its log says why, or it does not run")
        data: dict[str, str | None] = {ROTATION: _encoded(after.to_pem())}
        if step is Step.FINISH:
            following = after.following
            new = {keys.AUTHORITY_KEY: following.key_pem, keys.AUTHORITY_CERTIFICATE: following.certificate_pem}
            data = {ROTATION: None, **{name: _encoded(content) for name, content in new.items()}}
        await self.kube.merge(_path(self.namespace), {"metadata": _version(secret), "data": data})

    async def is_taken_over(self) -> bool:
        """Whether an operator serves and publishes what is stored. Raises ApiError, KeysUnusable."""
        secret = await self._read()
        return _taken_over(secret) == _digest(_keys_of(secret, self.namespace).authority)

    async def _read(self) -> Plain:
        secret = await self.kube.get(_path(self.namespace))
        if secret is None:
            raise KeysUnusable(f"there is no Secret {self.namespace}/{KEYS_SECRET}; an operator makes it at its start")
        return secret


def _path(namespace: str) -> str:
    return path(CORE, "secrets", namespace, KEYS_SECRET)


def _files(secret: Plain) -> Mapping[str, bytes]:
    return {name: base64.b64decode(content) for name, content in (secret.get("data") or {}).items()}


def _keys_of(secret: Plain, namespace: str) -> Keys:
    try:
        return Keys.from_files(_files(secret))
    except KeysUnusable as error:
        raise KeysUnusable(f"the Secret {namespace}/{KEYS_SECRET} can't be used: {error}") from error


def _version(secret: Plain) -> Plain:
    """For a merge patch that is refused where the Secret has changed meanwhile."""
    return {"resourceVersion": secret["metadata"]["resourceVersion"]}


def _taken_over(secret: Plain) -> str:
    annotations: dict[str, str] = secret["metadata"].get("annotations") or {}
    return annotations.get(TAKEN_OVER, "")


def _digest(authority: Authority) -> str:
    return hashlib.sha256(authority.trusted_pem).hexdigest()


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def stored_keys(data_dir: DataDir) -> Keys:
    """The data directory's keys; the signing key is made on the first start. Raises DataDirUnusable, KeysUnusable."""
    authority = data_dir.authority(now())
    signing = data_dir.stored(keys.SIGNING_KEY, lambda: keys.signing_key_pem(Keys.make(now()).signing))
    try:
        return Keys(keys.read_signing_key(signing), authority)
    except KeysUnusable as error:
        file = data_dir.path / keys.SIGNING_KEY
        raise KeysUnusable(f"{file} can't be used: {error}; restore it from a backup") from error
