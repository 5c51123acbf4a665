"""Lists in pages: by name, so that a page goes on where the one before ended whatever came or went meanwhile."""

import base64
import binascii
from collections.abc import Iterable, Sequence
from typing import TypeVar

from jumplab_operator.controller.refusals import BadRequest
from jumplab_operator.resources import Resource

_DEFAULT_SIZE = 100
_LARGEST_SIZE = 1000

R = TypeVar("R", bound=Resource)


def page(resources: Iterable[R], page_size: int, page_token: str) -> tuple[Sequence[R], str]:
    """One page, and the token of the next one, empty where this is the last. Raises BadRequest for a token not of ours.

    page_size: 0 leaves it to the controller.
    """
    if page_size < 0:
        raise BadRequest(f"page_size is {page_size}; it must not be negative")
    after = _decoded(page_token)
    rest = sorted((each for each in resources if each.name > after), key=lambda each: each.name)
    shown = rest[: min(page_size or _DEFAULT_SIZE, _LARGEST_SIZE)]
    return shown, _encoded(shown[-1].name) if len(shown) < len(rest) else ""


def _encoded(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode()


def _decoded(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise BadRequest(f'"{token}" is not a page token; leave it empty for the first page') from error
