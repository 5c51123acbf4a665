"""Bounds of what an exporter may have stored: texts are shortened, lists that are too long are refused."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from jumplab.protocol.v1.common_pb2 import DriverInstanceReport
from jumplab_operator.controller.refusals import BadRequest
from jumplab_operator.resources.metadata import GROUP

MOST_LABELS = 64
"""Labels under jumpstarter.dev/ of one exporter, and of one of its drivers."""
MOST_DRIVERS = 1_000
"""Of one exporter. Each takes some time of the operator, however little it reports."""
MOST_INTERFACES = 64
"""Of one driver."""
MOST_DEVICE_BYTES = 512 * 1024
"""Of all drivers together: an object of Kubernetes may have 1.5 MiB."""
_LONGEST_TEXT = 30_000
"""A condition's message may have 32,768 characters; a sentence of ours may go before this one."""


def shortened(text: str) -> str:
    """A message as it may be stored."""
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"


def check_labels(reported: Mapping[str, str], present: Mapping[str, str]) -> None:
    """Raises BadRequest where the exporter's own labels would become too many. present: those of its resource."""
    own = {key for key in (*reported, *present) if key.startswith(f"{GROUP}/")}
    if len(own) > MOST_LABELS:
        raise BadRequest(
            f"the exporter would have {len(own)} labels under {GROUP}/, the limit is {MOST_LABELS}; report fewer, or "
            "remove old ones from its resource"
        )


def check_reports(reports: Sequence[DriverInstanceReport]) -> None:
    """Raises BadRequest for too many drivers, or too much of one, before anything is done with them."""
    if len(reports) > MOST_DRIVERS:
        raise BadRequest(
            f"the exporter reports {len(reports)} drivers, the limit is {MOST_DRIVERS}; split them between several "
            "exporters"
        )
    for report in reports:
        for what, count, most in (
            ("labels", len(report.labels), MOST_LABELS),
            ("interfaces", len(report.interfaces), MOST_INTERFACES),
        ):
            if count > most:
                raise BadRequest(
                    f'the driver "{report.uuid[:40]}" has {count} {what}, the limit is {most}; report fewer'
                )


def check_devices(devices: Sequence[Mapping[str, Any]]) -> None:
    """Raises BadRequest for drivers that take too much room."""
    size = len(json.dumps(devices, ensure_ascii=False).encode())
    if size > MOST_DEVICE_BYTES:
        raise BadRequest(
            f"the exporter's {len(devices)} drivers take {size} bytes, the limit is {MOST_DEVICE_BYTES}; split them "
            "between several exporters"
        )
