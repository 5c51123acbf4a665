"""The steps of the CA's rotation as an administrator makes them, and what each says."""

import asyncio
import time

from jumplab_operator.authority import Step
from jumplab_operator.errors import NotTakenOver
from jumplab_operator.kept_keys import SecretAuthority
from jumplab_operator.kube.access import KubeAccess
from jumplab_operator.kube.client import connected

_BOUND_SECONDS = 60.0
_EVERY_SECONDS = 0.5

TOLD = {
    Step.BEGIN: "A new CA is there, and the old one still signs. Give both to all exporters and clients, then continue "
    "with --switch.",
    Step.SWITCH: "The new CA signs. When everything works, drop the old one with --finish.",
    Step.FINISH: "The new CA is the only one.",
}


async def rotate_on_cluster(access: KubeAccess, namespace: str, step: Step) -> None:
    """Makes a step in the Secret of an operator, and waits until the operator has taken it over.

    Raises NotTakenOver where it has not done so within a minute; WrongOrder, ApiError, KeysUnusable.
    """
    async with connected(access) as kube:
        kept = SecretAuthority(kube, namespace)
        await kept.rotate(step)
        end = time.monotonic() + _BOUND_SECONDS
        while not await kept.is_taken_over():
            if time.monotonic() > end:
                raise NotTakenOver(
                    f"the step is made, and no operator has taken it over within {_BOUND_SECONDS:g} s; its log says "
                    "why; it does nothing with a CA of its own where it has --tls-certificate"
                )
            await asyncio.sleep(_EVERY_SECONDS)
