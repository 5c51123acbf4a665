"""What goes wrong in the one-machine control plane.

    StandaloneError       it can't start; the message is one sentence for the person who started it
    ├── DataDirInUse      another instance runs on the data directory
    ├── DataDirUnusable   the data directory can't be made, read or written
    └── PortInUse         something else listens on the address
    ApiError              the answer to one request is a refusal: a Kubernetes Status

The functions below `ApiError` word the refusals as kube-apiserver does, since clients match on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jumplab_operator.standalone.base.kinds import Kind
    from jumplab_operator.standalone.base.rbac import Act


MOST_CAUSES = 100
"""So many things wrong with one object are told; a body has room for hundreds of thousands."""
_LONGEST_QUOTED = 1_000


def brief(text: str) -> str:
    """What a request has sent, in a length that one reads: refusals quote it."""
    return text if len(text) <= _LONGEST_QUOTED else f"{text[:_LONGEST_QUOTED]}…"


class StandaloneError(Exception):
    """The one-machine control plane can't start; the message is for the person who started it."""


class DataDirInUse(StandaloneError):
    """Another instance runs on the data directory."""


class DataDirUnusable(StandaloneError):
    """The data directory can't be made, read or written."""


class PortInUse(StandaloneError):
    """Something else listens on the address."""


class ApiError(Exception):
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


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def unauthorized() -> ApiError:
    return ApiError(401, "Unauthorized", "Unauthorized")


def forbidden(kind: Kind, name: str, why: str) -> ApiError:
    message = f'{kind.resource} "{name}" is forbidden: {why}'
    return ApiError(403, "Forbidden", message, _details(kind, name))


def not_permitted(act: Act, why: str) -> ApiError:
    if act.path:
        return ApiError(403, "Forbidden", f"forbidden: {why}", {})
    resource = f"{act.resource}.{act.group}" if act.group else act.resource
    whose = f'{resource} "{act.name}"' if act.name else resource
    details = {"name": act.name, "group": act.group, "kind": act.resource}
    told = {field: value for field, value in details.items() if value}
    return ApiError(403, "Forbidden", f"{whose} is forbidden: {why}", told)


def path_not_found() -> ApiError:
    return ApiError(404, "NotFound", "the server could not find the requested resource")


def not_found(kind: Kind, name: str) -> ApiError:
    return ApiError(404, "NotFound", f'{kind.resource} "{name}" not found', _details(kind, name))


def method_not_allowed() -> ApiError:
    message = "the server does not allow this method on the requested resource"
    return ApiError(405, "MethodNotAllowed", message)


def not_acceptable(offered: str) -> ApiError:
    message = f"only the following media types are accepted: {offered}"
    return ApiError(406, "NotAcceptable", message)


def already_exists(kind: Kind, name: str) -> ApiError:
    return ApiError(409, "AlreadyExists", f'{kind.resource} "{name}" already exists', _details(kind, name))


def conflict(kind: Kind, name: str, why: str) -> ApiError:
    message = f'Operation cannot be fulfilled on {kind.resource} "{name}": {why}'
    return ApiError(409, "Conflict", message, _details(kind, name))


def precondition_failed(kind: Kind, name: str, why: str) -> ApiError:
    message = f'Operation cannot be fulfilled on {kind.qualified} "{name}": {why}'
    return ApiError(409, "Conflict", message, {**_details(kind, name), "kind": kind.kind})


def expired(asked: int, oldest: int) -> ApiError:
    return ApiError(410, "Expired", f"too old resource version: {asked} ({oldest})")


def continue_expired() -> ApiError:
    message = (
        "The provided continue parameter is too old to display a consistent list result. You can start a new list "
        "without the continue parameter."
    )
    return ApiError(410, "Expired", message)


def version_to_come(asked: int, current: int) -> ApiError:
    message = f"Timeout: Too large resource version: {asked}, current: {current}"
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    return ApiError(504, "Timeout", message, {"causes": [cause], "retryAfterSeconds": 1})


def invalid_options(options: str, causes: Sequence[Cause]) -> ApiError:
    """What a request asks for beside its object can't be; in the words of kube-apiserver."""
    details = {"group": "meta.k8s.io", "kind": options, "causes": _as_details(causes)}
    return ApiError(422, "Invalid", f'{options}.meta.k8s.io "" is invalid: {_listed(causes)}', details)


def too_large(limit_bytes: int) -> ApiError:
    return ApiError(413, "RequestEntityTooLarge", f"the request body is larger than the limit of {limit_bytes} bytes")


def too_many_operations(most: int, given: int) -> ApiError:
    message = f"Request entity too large: The allowed maximum operations in a JSON patch is {most}, got {given}"
    return ApiError(413, "RequestEntityTooLarge", message)


def object_too_large(limit_bytes: int) -> ApiError:
    message = f"the object is larger than the limit of {limit_bytes} bytes; make it smaller, or several of it"
    return ApiError(413, "RequestEntityTooLarge", message)


def unsupported_media_type(message: str) -> ApiError:
    return ApiError(415, "UnsupportedMediaType", message)


def invalid(kind: Kind, name: str, causes: Sequence[Cause], *, called: str = "", group: str | None = None) -> ApiError:
    """The object's content is refused; `called` and `group`: the kind in the message where it isn't the served one."""
    group = kind.group if group is None else group
    details: dict[str, Any] = {"name": name} if name else {}
    if group:
        details["group"] = group
    details["kind"] = called or kind.kind
    details["causes"] = _as_details(causes)
    whose = f"{called or kind.kind}.{group}".rstrip(".")
    return ApiError(422, "Invalid", f'{whose} "{name}" is invalid: {_listed(causes)}', details)


def internal(message: str) -> ApiError:
    return ApiError(500, "InternalError", f"Internal error occurred: {message}")


def no_space(why: str) -> ApiError:
    message = f"the store has no room for the write and nothing was changed ({why}); free some space on its disk"
    return ApiError(507, "InsufficientStorage", message)


def _listed(causes: Sequence[Cause]) -> str:
    return str(causes[0]) if len(causes) == 1 else "[" + ", ".join(map(str, causes)) + "]"


def _as_details(causes: Sequence[Cause]) -> list[dict[str, str]]:
    return [{"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in causes]


def _details(kind: Kind, name: str) -> dict[str, Any]:
    return (
        {"name": name, "group": kind.group, "kind": kind.plural} if kind.group else {"name": name, "kind": kind.plural}
    )
