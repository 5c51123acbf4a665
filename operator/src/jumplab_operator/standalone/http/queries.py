"""Numbers in a request's query."""

from __future__ import annotations

from collections.abc import Mapping

from jumplab_operator.standalone.base import errors

_MOST_DIGITS = 18
"""Of a number that SQLite takes, whatever its digits are."""


def whole_number(query: Mapping[str, str], field: str, what: str = "a number") -> int:
    """A number that isn't negative, 0 where the query has none; raises a 400 for anything else."""
    text = query.get(field) or "0"
    if not (text.isascii() and text.isdecimal()):
        raise errors.bad_request(f'{field}: Invalid value: "{errors.brief(text)}": must be {what}')
    if len(text) > _MOST_DIGITS:
        raise errors.bad_request(f"{field}: Invalid value: {len(text)} digits are too many: must be {what}")
    return int(text)
