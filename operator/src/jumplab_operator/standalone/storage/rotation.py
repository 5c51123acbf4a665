"""What proves the control plane of a data directory is replaced, by another process than the one that uses it."""

import time
from collections.abc import Callable
from datetime import datetime

from jumplab_operator.authority import ROTATION, Step, step_made
from jumplab_operator.errors import NotTakenOver, WrongOrder
from jumplab_operator.standalone.storage.datadir import DataDir

_BOUND_SECONDS = 60.0
_EVERY_SECONDS = 0.1


def replace_admin_token(data_dir: DataDir) -> bool:
    """Writes a new token. True when the control plane that runs has taken it over; False where none runs.

    Raises NotTakenOver where it has not done so within a minute, and DataDirUnusable.
    """
    data_dir.replace_admin_token()
    what = f"{data_dir.path / 'admin.token'} has a new token"
    return _is_taken_over(data_dir, data_dir.has_admin_token_in_kubeconfig, what)


def rotate_authority(data_dir: DataDir, step: Step, now: datetime) -> bool:
    """Makes a step of the rotation of the authority, in one write; nothing where it was made already.

    True when the control plane that runs has taken it over; False where none runs. Raises WrongOrder, NotTakenOver
    where it has not done so within a minute, and DataDirUnusable.
    """
    file = data_dir.path / ROTATION
    with data_dir.rotating():
        before = data_dir.rotation()
        after = step_made(step, before, now)
        if after != before:
            if before is not None and not data_dir.has_authority_in_kubeconfig():
                raise WrongOrder(
                    "standalone has not run since the last step, so nobody has its result; start it, and try again"
                )
            data_dir.write(file, after.to_pem())
    return _is_taken_over(data_dir, data_dir.has_authority_in_kubeconfig, f"{file} has a new step")


def _is_taken_over(data_dir: DataDir, taken_over: Callable[[], bool], what: str) -> bool:
    end = time.monotonic() + _BOUND_SECONDS
    while data_dir.is_in_use():
        if taken_over():
            return True
        if time.monotonic() > end:
            raise NotTakenOver(
                f"{what}, and the control plane that runs has not taken it over within {_BOUND_SECONDS:g} s; its log "
                "says why"
            )
        time.sleep(_EVERY_SECONDS)
    return False
