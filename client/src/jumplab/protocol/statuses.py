"""Where an exporter is in its life: the number of the wire as a word."""

from jumplab.protocol.v1.common_pb2 import ExporterStatus

_PREFIX = "EXPORTER_STATUS_"


def status_name(status: int) -> str:
    """`LEASE_READY`; UNSPECIFIED for one of a later version."""
    known = ExporterStatus.values()
    return ExporterStatus.Name(status if status in known else 0).removeprefix(_PREFIX)  # type: ignore[arg-type] # a number


def status_word(status: int) -> str:
    """`LeaseReady`, as resources and tables have it; `Unspecified` for one of a later version."""
    return "".join(word.capitalize() for word in status_name(status).split("_"))
