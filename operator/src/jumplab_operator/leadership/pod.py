"""The label by which the chart's Service finds the pod that leads."""

import logging

from jumplab_operator.errors import ApiError
from jumplab_operator.kube.client import CORE, KubeApi, path

_log = logging.getLogger(__name__)

LEADS = "jumplab.dev/leads"


async def mark(kube: KubeApi, namespace: str, pod: str, *, leads: bool) -> None:
    """Labels a pod, or takes the label away. Raises ApiError."""
    labels = {LEADS: "true" if leads else None}
    await kube.merge(path(CORE, "pods", namespace, pod), {"metadata": {"labels": labels}})


async def unmark_if_there(kube: KubeApi, namespace: str, pod: str) -> None:
    """Takes the label from a pod that may be gone; a failure is only logged."""
    try:
        await mark(kube, namespace, pod, leads=False)
    except ApiError as refused:
        if refused.status != 404:
            _log.warning('the label %s of the pod "%s" can\'t be taken away: %s', LEADS, pod, refused)
