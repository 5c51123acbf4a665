"""What a write is asked for beside its object: a dry run, and how to delete. In the words of kube-apiserver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from multidict import MultiMapping

from jumplab_operator.standalone.base import errors
from jumplab_operator.standalone.base.errors import Cause
from jumplab_operator.standalone.base.kinds import Object
from jumplab_operator.standalone.http import bodies
from jumplab_operator.standalone.objects import builtin_schemas

_POLICIES = ("Foreground", "Background", "Orphan")
_FALSE = ("", "0", "false")


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """How to delete. A grace period needs no field: no kind here waits for one."""

    dry_run: bool
    preconditions: Object


def is_dry_run(query: MultiMapping[str], options: str) -> bool:
    """Whether a write's query asks for a dry run; raises a 422 in the name of these options for a value but All."""
    asked = query.getall("dryRun", [])
    _refuse(options, _dry_run_causes(asked))
    return bool(asked)


def delete_options(query: MultiMapping[str], body: bytes) -> DeleteOptions:
    """How to delete: what the body says, or without a body the query, as kube-apiserver has it.

    Raises a 400 for what can't be read or isn't offered, a 422 for what can't be.
    """
    options = _of_body(body) if body else _of_query(query)
    dry_run, policy, orphan = options.get("dryRun", []), options.get("propagationPolicy"), "orphanDependents" in options
    found = []
    if policy is not None and orphan:
        rule = f'Invalid value: "{policy}": orphanDependents and deletionPropagation cannot be both set'
        found.append(Cause("propagationPolicy", "FieldValueInvalid", rule))
    elif policy is not None and policy not in _POLICIES:
        supported = ", ".join(f'"{each}"' for each in (*_POLICIES, "nil"))
        rule = f'Unsupported value: "{policy}": supported values: {supported}'
        found.append(Cause("propagationPolicy", "FieldValueNotSupported", rule))
    _refuse("DeleteOptions", [*found, *_dry_run_causes(dry_run)])
    _check_offered("Orphan" if options.get("orphanDependents") else policy)
    return DeleteOptions(bool(dry_run), options.get("preconditions", {}))


def _of_body(body: bytes) -> Object:
    sent = bodies.decoded(body)
    if not isinstance(sent, dict) or (sent.get("kind") or "DeleteOptions") != "DeleteOptions":
        raise errors.bad_request("the body of a DELETE must be a DeleteOptions object")
    return bodies.typed("DeleteOptions", "v1", sent, builtin_schemas.DELETE_OPTIONS)


def _of_query(query: MultiMapping[str]) -> Object:
    options: Object = {"dryRun": query.getall("dryRun", [])}
    if "propagationPolicy" in query:
        options["propagationPolicy"] = query["propagationPolicy"]
    if "orphanDependents" in query:
        options["orphanDependents"] = query["orphanDependents"].lower() not in _FALSE
    seconds = query.get("gracePeriodSeconds", "0")
    if not seconds.removeprefix("-").isdecimal():
        raise errors.bad_request(f'gracePeriodSeconds: Invalid value: "{seconds}": must be a number of seconds')
    return options


def _dry_run_causes(asked: Sequence[Any]) -> list[Cause]:
    if all(each == "All" for each in asked):
        return []
    listed = ", ".join(f'"{each}"' for each in asked)
    rule = f'Unsupported value: []string{{{listed}}}: supported values: "All"'
    return [Cause("dryRun", "FieldValueNotSupported", rule)]


def _refuse(options: str, causes: Sequence[Cause]) -> None:
    if causes:
        raise errors.invalid_options(options, causes)


def _check_offered(policy: str | None) -> None:
    if policy not in (None, "Background"):
        raise errors.bad_request(
            f'propagationPolicy "{policy}" is not offered by the standalone API; leave it out or use "Background"'
        )
