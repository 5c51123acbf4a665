"""What a lease may ask for, whoever looks: the operator at a manifest, a client before it asks.

Each function gives a sentence on what is wrong, or None.
"""

import re
from datetime import datetime, timedelta

from jumplab.protocol.durations import format_duration

LONGEST_LEASE = timedelta(days=3660)
"""No lease lasts longer, whatever the policies say."""

YEARS = range(1970, 9000)
"""When leases may begin and end, with a margin for sums."""

MOST_TAGS = 10

_MOST_NAME_CHARACTERS = 253
_MOST_LABEL_CHARACTERS = 63
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
_LABEL_CHARACTERS = (
    f"use up to {_MOST_LABEL_CHARACTERS} letters, digits, - _ and ., with a letter or digit first and last"
)
_MEMBER = re.compile(r"[A-Za-z][-A-Za-z0-9_]*")


def duration_problem(duration: timedelta) -> str | None:
    if duration <= LONGEST_LEASE:
        return None
    return f"the duration must be at most {format_duration(LONGEST_LEASE)}"


def moment_problem(name: str, moment: datetime) -> str | None:
    """Of a begin or an end, called by that name."""
    if moment.year in YEARS:
        return None
    return f"{name} is in the year {moment.year}; give a year from {YEARS[0]} to {YEARS[-1]}"


def name_problem(name: str) -> str | None:
    """As Kubernetes has it: a DNS subdomain."""
    if len(name) <= _MOST_NAME_CHARACTERS and _NAME.fullmatch(name):
        return None
    return (
        "the name is not valid; use lower-case letters, digits, - and ., with a letter or digit first and last, "
        f"at most {_MOST_NAME_CHARACTERS} characters"
    )


def member_problem(name: str) -> str | None:
    """The name of one exporter within a lease of several."""
    if _MEMBER.fullmatch(name):
        return None
    return "the name is not valid; use a letter first, then letters, digits, - and _"


def tag_problem(key: str, value: str) -> str | None:
    """A tag becomes a label: the key without a prefix, and the value."""
    if not key or not _is_label(key):
        return f'tag "{key}" is not a valid label; {_LABEL_CHARACTERS}'
    if not _is_label(value):
        return f'the value "{value}" of tag "{key}" is not valid; {_LABEL_CHARACTERS}'
    return None


def _is_label(text: str) -> bool:
    return len(text) <= _MOST_LABEL_CHARACTERS and _LABEL.fullmatch(text) is not None
