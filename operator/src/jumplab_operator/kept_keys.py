"""Where the operator's keys are kept: in a Secret on a cluster, in the data directory on one machine."""

import base64

from jumplab_operator.clock import now
from jumplab_operator.controller import keys
from jumplab_operator.controller.keys import Keys
from jumplab_operator.errors import KeysUnusable
from jumplab_operator.kube.client import CORE, KubeApi, path
from jumplab_operator.standalone.storage.datadir import DataDir

KEYS_SECRET = "jumplab-operator-keys"  # noqa: S105 - a Secret's name


async def keys_in_secret(kube: KubeApi, namespace: str) -> Keys:
    """The keys in the Secret of an operator on a cluster; made on the first start. Raises ApiError, KeysUnusable."""
    secrets_path = path(CORE, "secrets", namespace)
    secret = await kube.get(f"{secrets_path}/{KEYS_SECRET}")
    if secret is None:
        made = Keys.make(now())
        data = {name: base64.b64encode(content).decode() for name, content in made.files().items()}
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": KEYS_SECRET}, "type": "Opaque", "data": data}
        await kube.create(secrets_path, body)
        return made
    files = {name: base64.b64decode(content) for name, content in (secret.get("data") or {}).items()}
    try:
        return Keys.from_files(files)
    except KeysUnusable as error:
        raise KeysUnusable(f"the Secret {namespace}/{KEYS_SECRET} can't be used: {error}") from error


def stored_keys(data_dir: DataDir) -> Keys:
    """The data directory's keys; the signing key is made on the first start. Raises DataDirUnusable, KeysUnusable."""
    authority = data_dir.authority(now())
    signing = data_dir.stored(keys.SIGNING_KEY, lambda: keys.signing_key_pem(Keys.make(now()).signing))
    try:
        return Keys(keys.read_signing_key(signing), authority)
    except KeysUnusable as error:
        file = data_dir.path / keys.SIGNING_KEY
        raise KeysUnusable(f"{file} can't be used: {error}; restore it from a backup") from error
