"""The administrator's token of a data directory is replaced, by another process than the one that uses it."""

import time

from jumplab_operator.errors import NotTakenOver
from jumplab_operator.standalone.storage.datadir import DataDir

_BOUND_SECONDS = 30.0
_EVERY_SECONDS = 0.1


def replace_admin_token(data_dir: DataDir) -> bool:
    """Writes a new token. True when the control plane that runs has taken it over; False where none runs.

    Raises NotTakenOver where it has not done so within half a minute, and DataDirUnusable.
    """
    data_dir.replace_admin_token()
    end = time.monotonic() + _BOUND_SECONDS
    while data_dir.is_in_use():
        if data_dir.has_admin_token_in_kubeconfig():
            return True
        if time.monotonic() > end:
            raise NotTakenOver(
                f"{data_dir.path / 'admin.token'} has a new token, and the control plane that runs has not taken it "
                f"over within {_BOUND_SECONDS:g} s; its log says why"
            )
        time.sleep(_EVERY_SECONDS)
    return False
