"""Records of the gRPC services: which caller did what, and who was refused."""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from jumplab.protocol.grpc_loading import aio
from jumplab.transport.tokens import presented_token
from jumplab_operator.audit import OperatorAudit, address_of, credential_id
from jumplab_operator.controller.credentials import Subject

Context = aio.ServicerContext[Any, Any]
_Fields = Callable[[Any, Any], Mapping[str, object]]

_call: ContextVar[tuple[Subject, Context]] = ContextVar("call")


def _lease_of_answer(_: Any, answer: Any) -> Mapping[str, object]:
    return {"lease": answer.name, "lease_uid": answer.uid}


_CHANGES: Mapping[str, _Fields] = {
    "/jumplab.client.v1.ClientService/CreateLease": _lease_of_answer,
    "/jumplab.client.v1.ClientService/UpdateLease": lambda request, answer: {
        **_lease_of_answer(request, answer),
        "fields": list(request.update_mask.paths),
    },
    "/jumplab.client.v1.ClientService/DeleteLease": lambda request, _: {
        "lease": request.name,
        "lease_uid": request.uid,
    },
    "/jumplab.client.v1.ClientService/RotateToken": lambda _, answer: {"new_credential": credential_id(answer.token)},
    "/jumplab.v1.ControllerService/RequestLease": lambda _, answer: {"lease": answer.name},
    "/jumplab.v1.ControllerService/ReleaseLease": lambda request, _: {"lease": request.name},
    "/jumplab.v1.ControllerService/Register": lambda _request, _answer: {},
    "/jumplab.v1.ControllerService/Unregister": lambda _request, _answer: {},
}
"""The calls that change something, with the fields of their records. Dials are recorded where their session is made."""


_REFUSALS = {"UNAUTHENTICATED", "PERMISSION_DENIED", "NOT_FOUND", "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"}
"""Other codes say that something is not possible now: a lease has ended, an exporter is away."""


class CallAudit:
    """Adds the records of calls.  audit: where to."""

    def __init__(self, audit: OperatorAudit) -> None:
        self._audit = audit

    def begin(self, subject: Subject, context: Context) -> None:
        """The call that is answered from now on, in this task."""
        if self._audit.is_kept:
            _call.set((subject, context))

    def add(self, event: str, /, **fields: object) -> None:
        """Adds a record of the caller whose call is being answered."""
        if self._audit.is_kept:
            self._audit.add(event, **_caller_fields(*_call.get()), **fields)

    def answered(self, method: str, request: Any, answer: Any) -> None:
        """A call has succeeded: it is recorded if it changes something."""
        if self._audit.is_kept and method in _CHANGES:
            subject, _ = _call.get()
            fields = dict(_CHANGES[method](request, answer))
            if "lease" in fields:
                fields["lease"] = _full_name(str(fields["lease"]), subject.name.namespace)
            self.add("request", method=method.rpartition("/")[2], **fields)

    def refused(self, method: str, code: Any, sentence: str) -> None:
        """The call that is being answered fails; it is recorded if the caller was refused something."""
        if self._audit.is_kept and code.name in _REFUSALS:
            self._audit.refused(
                sentence, method=method.rpartition("/")[2], code=code.name, **_caller_fields(*_call.get())
            )

    def refused_stranger(self, method: str, code: Any, sentence: str, context: Context) -> None:
        """A call fails before its caller is known, or is let in."""
        if self._audit.is_kept:
            self._audit.refused_stranger(sentence, method=method.rpartition("/")[2], code=code.name, **_origin(context))


def _caller_fields(subject: Subject, context: Context) -> dict[str, object]:
    name = f"{subject.name.namespace}/{subject.name.name}"
    return {subject.kind.lower(): name, **_origin(context)}


def _origin(context: Context) -> dict[str, object]:
    metadata = dict(context.invocation_metadata() or ())
    token = presented_token(str(metadata.get("authorization", "")))
    return {"credential": credential_id(token), "address": address_of(context.peer())}


def _full_name(written: str, namespace: str) -> str:
    """NAMESPACE/NAME of a lease as a request names it: `namespaces/NAMESPACE/leases/NAME`, or by its name alone."""
    parts = written.split("/")
    return f"{parts[1]}/{parts[3]}" if len(parts) == 4 else f"{namespace}/{written}"
