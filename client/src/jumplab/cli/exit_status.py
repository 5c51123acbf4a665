"""How commands of `jumplab` and `j` speak to a person: as all programs do, see `jumplab.exit_status`."""

from jumplab.exit_status import (
    Interrupted,
    exit_status_of,
    explain_error,
    one_line,
    print_result,
    print_sentence,
    write_line,
)

__all__ = [
    "LEASE_LOST",
    "LEASE_NOT_YET",
    "LEASE_REFUSED",
    "Interrupted",
    "exit_status_of",
    "explain_error",
    "lease_status",
    "one_line",
    "print_note",
    "print_result",
    "write_line",
]

LEASE_REFUSED = 69
"""Of `jumplab run`: the lease can't be had, and asking for it again changes nothing."""
LEASE_NOT_YET = 75
"""Of `jumplab run`: the lease could not be had in time, or the controller can't be reached; later it may be."""
LEASE_LOST = 76
"""Of `jumplab run`: the lease ended before the command did."""


def print_note(sentence: str, program: str = "jumplab") -> None:
    """One line to the person at the terminal; standard output is for results alone."""
    print_sentence(sentence, program)


def lease_status(error: Exception) -> int | None:
    """The status of `jumplab run` for what went wrong with its lease; None where it was something else."""
    from jumplab.client.errors import LeaseEnded, LeaseFailed, LeaseNotOwn, LeaseNotReady
    from jumplab.transport.errors import CertificateRejected, Refused, Unreachable

    if isinstance(error, BaseExceptionGroup):
        inner = error.exceptions[0]
        return lease_status(inner) if isinstance(inner, Exception) else None
    kinds = (
        (LEASE_REFUSED, CertificateRejected),
        (LEASE_NOT_YET, LeaseNotReady | Unreachable),
        (LEASE_LOST, LeaseEnded),
        (LEASE_REFUSED, LeaseFailed | LeaseNotOwn | Refused),
    )
    return next((status for status, kind in kinds if isinstance(error, kind)), None)
