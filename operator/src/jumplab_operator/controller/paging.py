"""Lists in pages: by name, so that a page goes on where the one before ended whatever came or went meanwhile."""

import base64
import binascii
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from google.protobuf.message import Message

from jumplab_operator.controller.refusals import BadRequest
from jumplab_operator.resources import Resource

_DEFAULT_SIZE = 100
_LARGEST_SIZE = 1000
_MOST_BYTES = 8 * 1024 * 1024
"""A page stays well within one message, however large one client's resources are."""

R = TypeVar("R", bound=Resource)
M = TypeVar("M", bound=Message)


def page(
    resources: Iterable[R], as_message: Callable[[R], M], page_size: int, page_token: str
) -> tuple[Sequence[M], str]:
    """One page, and the token of the next one, empty where this is the last. Raises BadRequest for a token not of ours.

    page_size: 0 leaves it to the controller; a page may be shorter.
    """
    if page_size < 0:
        raise BadRequest(f"page_size is {page_size}; it must not be negative")
    after = _decoded(page_token)
    rest = sorted((each for each in resources if each.name > after), key=lambda each: each.name)
    page_messages: list[M] = []
    left_bytes = _MOST_BYTES
    for each in rest[: min(page_size or _DEFAULT_SIZE, _LARGEST_SIZE)]:
        message = as_message(each)
        left_bytes -= message.ByteSize()
        if left_bytes < 0 and page_messages:
            break
        page_messages.append(message)
    return page_messages, _encoded(rest[len(page_messages) - 1].name) if len(page_messages) < len(rest) else ""


def _encoded(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode()


def _decoded(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise BadRequest(f'"{token}" is not a page token; leave it empty for the first page') from error
