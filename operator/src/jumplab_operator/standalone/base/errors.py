"""What goes wrong in the one-machine control plane.

    RequestRefused   the answer to one request is a refusal: a Kubernetes Status

The functions below `RequestRefused` word the refusals as kube-apiserver does, since clients match on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jumplab_operator.errors import OperatorError

if TYPE_CHECKING:
    from jumplab_operator.standalone.base.kinds import Kind
    from jumplab_operator.standalone.base.rbac import Act


MOST_CAUSES = 100
"""So many things wrong with one object are told; a body has room for hundreds of thousands."""
_LONGEST_QUOTED = 1_000


def brief(text: str) -> str:
    """What a request has sent, in a length that one reads: refusals quote it."""
    return text if len(text) <= _LONGEST_QUOTED else f"{text[:_LONGEST_QUOTED]}…"


class RequestRefused(OperatorError):
    """A refusal of one request, told to the client as a Status."""

    def __init__(self, code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details or {}

    def status(self) -> dict[str, Any]:
        """The Status object that goes to the client."""
        status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }
        if self.details:
            status["details"] = self.details
        return status


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing wrong with one field of an object."""

    field: str
    reason: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


def bad_request(message: str) -> RequestRefused:
    return RequestRefused(400, "BadRequest", message)


def unauthorized() -> RequestRefused:
    return RequestRefused(401, "Unauthorized", "Unauthorized")


def forbidden(kind: Kind, name: str, why: str) -> RequestRefused:
    message = f'{kind.resource} "{name}" is forbidden: {why}'
    return RequestRefused(403, "Forbidden", message, _details(kind, name))


def not_permitted(act: Act, why: str) -> RequestRefused:
    if act.path:
        return RequestRefused(403, "Forbidden", f"forbidden: {why}", {})
    resource = f"{act.resource}.{act.group}" if act.group else act.resource
    whose = f'{resource} "{act.name}"' if act.name else resource
    details = {"name": act.name, "group": act.group, "kind": act.resource}
    known_details = {field: value for field, value in details.items() if value}
    return RequestRefused(403, "Forbidden", f"{whose} is forbidden: {why}", known_details)


def path_not_found() -> RequestRefused:
    return RequestRefused(404, "NotFound", "the server could not find the requested resource")


def not_found(kind: Kind, name: str) -> RequestRefused:
    return RequestRefused(404, "NotFound", f'{kind.resource} "{name}" not found', _details(kind, name))


def method_not_allowed() -> RequestRefused:
    message = "the server does not allow this method on the requested resource"
    return RequestRefused(405, "MethodNotAllowed", message)


def not_acceptable(offered: str) -> RequestRefused:
    message = f"only the following media types are accepted: {offered}"
    return RequestRefused(406, "NotAcceptable", message)


def already_exists(kind: Kind, name: str) -> RequestRefused:
    return RequestRefused(409, "AlreadyExists", f'{kind.resource} "{name}" already exists', _details(kind, name))


def conflict(kind: Kind, name: str, why: str) -> RequestRefused:
    message = f'Operation cannot be fulfilled on {kind.resource} "{name}": {why}'
    return RequestRefused(409, "Conflict", message, _details(kind, name))


def precondition_failed(kind: Kind, name: str, why: str) -> RequestRefused:
    message = f'Operation cannot be fulfilled on {kind.qualified} "{name}": {why}'
    return RequestRefused(409, "Conflict", message, {**_details(kind, name), "kind": kind.kind})


def expired(asked: int, oldest: int) -> RequestRefused:
    return RequestRefused(410, "Expired", f"too old resource version: {asked} ({oldest})")


def continue_expired() -> RequestRefused:
    message = (
        "The provided continue parameter is too old to display a consistent list result. You can start a new list "
        "without the continue parameter."
    )
    return RequestRefused(410, "Expired", message)


def version_to_come(asked: int, current: int) -> RequestRefused:
    message = f"Timeout: Too large resource version: {asked}, current: {current}"
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    return RequestRefused(504, "Timeout", message, {"causes": [cause], "retryAfterSeconds": 1})


def invalid_options(options: str, causes: Sequence[Cause]) -> RequestRefused:
    """What a request asks for beside its object can't be; in the words of kube-apiserver."""
    details = {"group": "meta.k8s.io", "kind": options, "causes": _as_details(causes)}
    return RequestRefused(422, "Invalid", f'{options}.meta.k8s.io "" is invalid: {_listed(causes)}', details)


def too_large(limit_bytes: int) -> RequestRefused:
    return RequestRefused(
        413, "RequestEntityTooLarge", f"the request body is larger than the limit of {limit_bytes} bytes"
    )


def body_too_slow(seconds: int) -> RequestRefused:
    return RequestRefused(408, "Timeout", f"the request's body did not arrive within {seconds} seconds; send it again")


def too_many_requests(message: str) -> RequestRefused:
    return RequestRefused(429, "TooManyRequests", message)


def too_many_operations(most: int, given: int) -> RequestRefused:
    message = f"Request entity too large: The allowed maximum operations in a JSON patch is {most}, got {given}"
    return RequestRefused(413, "RequestEntityTooLarge", message)


def object_too_large(limit_bytes: int) -> RequestRefused:
    message = f"the object is larger than the limit of {limit_bytes} bytes; make it smaller, or several of it"
    return RequestRefused(413, "RequestEntityTooLarge", message)


def unsupported_media_type(message: str) -> RequestRefused:
    return RequestRefused(415, "UnsupportedMediaType", message)


def invalid(
    kind: Kind, name: str, causes: Sequence[Cause], *, called: str = "", group: str | None = None
) -> RequestRefused:
    """The object's content is refused; `called` and `group`: the kind in the message where it isn't the served one."""
    group = kind.group if group is None else group
    details: dict[str, Any] = {"name": name} if name else {}
    if group:
        details["group"] = group
    details["kind"] = called or kind.kind
    details["causes"] = _as_details(causes)
    whose = f"{called or kind.kind}.{group}".rstrip(".")
    return RequestRefused(422, "Invalid", f'{whose} "{name}" is invalid: {_listed(causes)}', details)


def internal(message: str) -> RequestRefused:
    return RequestRefused(500, "InternalError", f"Internal error occurred: {message}")


def no_space(why: str) -> RequestRefused:
    message = f"the store has no room for the write and nothing was changed ({why}); free some space on its disk"
    return RequestRefused(507, "InsufficientStorage", message)


def _listed(causes: Sequence[Cause]) -> str:
    return str(causes[0]) if len(causes) == 1 else "[" + ", ".join(map(str, causes)) + "]"


def _as_details(causes: Sequence[Cause]) -> list[dict[str, str]]:
    return [{"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in causes]


def _details(kind: Kind, name: str) -> dict[str, Any]:
    return (
        {"name": name, "group": kind.group, "kind": kind.plural} if kind.group else {"name": name, "kind": kind.plural}
    )
