"""Why a request is refused, by what the caller can do; each has its gRPC code, given out in `interceptor` alone.

Refusal
├── NotAuthenticated   UNAUTHENTICATED: present another token
├── NotAllowed         PERMISSION_DENIED: it is someone else's
├── NoSuchThing        NOT_FOUND
├── NameTaken          ALREADY_EXISTS: choose another name
├── NotPossibleNow     FAILED_PRECONDITION: its state forbids it
├── BadRequest         INVALID_ARGUMENT: ask otherwise
├── TooMuch            RESOURCE_EXHAUSTED: ask for less, or later
├── Unavailable        UNAVAILABLE: try again later
├── NoRoom             RESOURCE_EXHAUSTED: make room first
├── Superseded         ABORTED: another one replaced this one
└── NotServed          UNIMPLEMENTED: this controller doesn't do that
"""

from typing import ClassVar

from jumplab.protocol.grpc_loading import grpc
from jumplab_operator.errors import ApiError, ApiFull, EditRefused, NameTaken, OperatorError, TokenReplaced


class Refusal(OperatorError):
    """The root. The message is a sentence that says what to do."""

    code: ClassVar[grpc.StatusCode]


class NotAuthenticated(Refusal):
    """The caller has not proved its identity."""

    code = grpc.StatusCode.UNAUTHENTICATED


class NotAllowed(Refusal):
    """The caller may not do this."""

    code = grpc.StatusCode.PERMISSION_DENIED


class NoSuchThing(Refusal):
    """The named thing does not exist."""

    code = grpc.StatusCode.NOT_FOUND


class NameInUse(Refusal):
    """There is one of that name already."""

    code = grpc.StatusCode.ALREADY_EXISTS


class NotPossibleNow(Refusal):
    """The state of the thing forbids it."""

    code = grpc.StatusCode.FAILED_PRECONDITION


class BadRequest(Refusal):
    """The request makes no sense."""

    code = grpc.StatusCode.INVALID_ARGUMENT


class TooMuch(Refusal):
    """It is more than one caller may have, or ask for."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED


class Unavailable(Refusal):
    """Something that the request needs is away."""

    code = grpc.StatusCode.UNAVAILABLE


class NoRoom(Refusal):
    """What the request needs more of is used up."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED


class Superseded(Refusal):
    """Another connection or another change came first."""

    code = grpc.StatusCode.ABORTED


class NotServed(Refusal):
    """This controller doesn't do that."""

    code = grpc.StatusCode.UNIMPLEMENTED


def of_api(error: ApiError) -> Refusal:
    """The refusal for the caller that an error of the Kubernetes API means."""
    sentence = str(error)
    if isinstance(error, EditRefused):
        return NotPossibleNow(sentence)
    if isinstance(error, NameTaken):
        return NameInUse(sentence)
    if isinstance(error, ApiFull):
        return NoRoom(sentence)
    if isinstance(error, TokenReplaced):
        return NotAuthenticated(sentence)
    if error.status == 404:
        return NoSuchThing(sentence)
    if error.status == 409:
        return NameInUse(sentence) if "already exists" in sentence else Superseded(f"{sentence}; try again")
    if error.status in (400, 422):
        return BadRequest(sentence)
    if error.status == 403:
        return NotAllowed(f"the Kubernetes API does not allow it: {sentence}")
    return Unavailable(f"the Kubernetes API can't carry this out now ({sentence}); try again in a moment")
