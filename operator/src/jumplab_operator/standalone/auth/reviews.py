"""Questions about tokens and rights, and requests for tokens: answered from the gate, never stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from jumplab_operator.standalone.auth import service_accounts
from jumplab_operator.standalone.auth.auth import Gate
from jumplab_operator.standalone.auth.users import AUTHENTICATED, User
from jumplab_operator.standalone.base import errors, rbac
from jumplab_operator.standalone.base.errors import Cause
from jumplab_operator.standalone.base.kinds import Object
from jumplab_operator.standalone.base.rbac import Act, Rule
from jumplab_operator.standalone.objects.object_meta import timestamp
from jumplab_operator.standalone.objects.routes import Target

_WHAT = ("resourceAttributes", "nonResourceAttributes")


def answer(gate: Gate, asking: User, target: Target, sent: Object) -> Object:
    """The review with its status; raises a 400 or 422 for one that asks nothing."""
    status = _ANSWERS[target.kind.kind](gate, asking, target, sent.get("spec") or {})
    return {**sent, "metadata": {"creationTimestamp": None}, "status": status}


def request_token(gate: Gate, target: Target, account: Object | None, sent: Object) -> Object:
    """The TokenRequest with its token. Raises a 404 without the account, a 400 or 422 for what can't be had."""
    if account is None:
        raise errors.not_found(target.kind, target.name)
    spec = sent.get("spec") or {}
    if spec.get("boundObjectRef"):
        raise errors.bad_request("boundObjectRef is not offered by the standalone API; leave it out")
    audiences = spec.get("audiences") or [service_accounts.AUDIENCE]
    seconds = spec.get("expirationSeconds")
    if seconds is None:
        seconds = int(service_accounts.DEFAULT.total_seconds())
    _check_request(target, audiences, seconds)
    token, expires = gate.accounts.issue(account, audiences, timedelta(seconds=seconds))
    metadata = {"name": target.name, "namespace": target.namespace, "creationTimestamp": None}
    return {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": metadata,
        "spec": {"audiences": audiences, "expirationSeconds": seconds, "boundObjectRef": None},
        "status": {"token": token, "expirationTimestamp": timestamp(expires)},
    }


def _check_request(target: Target, audiences: Any, seconds: Any) -> None:
    if not isinstance(audiences, list) or not all(isinstance(each, str) for each in audiences):
        raise errors.bad_request("spec.audiences must be a list of strings")
    if not isinstance(seconds, int):
        raise errors.bad_request("spec.expirationSeconds must be a number of seconds")
    rule = ""
    if seconds < service_accounts.SHORTEST.total_seconds():
        rule = "may not specify a duration less than 10 minutes"
    elif seconds > service_accounts.LONGEST.total_seconds():
        rule = "may not specify a duration larger than 2^32 seconds"
    if rule:
        cause = Cause("spec.expirationSeconds", "FieldValueInvalid", f"Invalid value: {seconds}: {rule}")
        raise errors.invalid(target.kind, "", [cause], called="TokenRequest", group="authentication.k8s.io")


def _self_access(gate: Gate, asking: User, target: Target, spec: Object) -> Object:
    return _decision(gate, asking, _act(target, spec))


def _access(gate: Gate, _asking: User, target: Target, spec: Object) -> Object:
    name, groups = spec.get("user") or "", spec.get("groups") or []
    act = _act(target, spec)
    if not name and not groups:
        rule = 'Invalid value: "": at least one of user or group must be specified'
        raise errors.invalid(target.kind, "", [Cause("spec.user", "FieldValueInvalid", rule)])
    return _decision(gate, User(name, tuple(groups)), act)


def _local_access(gate: Gate, asking: User, target: Target, spec: Object) -> Object:
    asked = (spec.get("resourceAttributes") or {}).get("namespace", "")
    if asked != target.namespace:
        rule = f'Invalid value: "{asked}": must match metadata.namespace: {target.namespace}'
        raise errors.invalid(target.kind, "", [Cause("spec.resourceAttributes.namespace", "FieldValueInvalid", rule)])
    return _access(gate, asking, target, spec)


def _decision(gate: Gate, user: User, act: Act) -> Object:
    return {"allowed": gate.permits(user, act)}


def _act(target: Target, spec: Object) -> Act:
    asked = [field for field in _WHAT if spec.get(field) is not None]
    if not asked:
        rule = "Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified"
        raise errors.invalid(target.kind, "", [Cause("spec.resourceAttributes", "FieldValueInvalid", rule)])
    if len(asked) > 1:
        rule = "Invalid value: cannot be specified in combination with resourceAttributes"
        raise errors.invalid(target.kind, "", [Cause("spec.nonResourceAttributes", "FieldValueInvalid", rule)])
    what = spec[asked[0]]
    if asked == ["nonResourceAttributes"]:
        return Act(what.get("verb", ""), path=what.get("path", "") or "/")
    fields = ("verb", "group", "resource", "subresource", "namespace", "name")
    return Act(**{field: what.get(field, "") for field in fields})


def _self_rules(gate: Gate, asking: User, _target: Target, spec: Object) -> Object:
    namespace = spec.get("namespace") or ""
    if not namespace:
        raise errors.bad_request("no namespace on request")
    found = rbac.rules_in(namespace, gate.grants(asking))
    return {
        "resourceRules": [_resource_rule(rule) for rule in found if rule.resources],
        "nonResourceRules": [
            {"verbs": list(rule.verbs), "nonResourceURLs": list(rule.paths)} for rule in found if rule.paths
        ],
        "incomplete": False,
    }


def _resource_rule(rule: Rule) -> Object:
    names = {"resourceNames": list(rule.names)} if rule.names else {}
    return {"verbs": list(rule.verbs), "apiGroups": list(rule.groups), "resources": list(rule.resources), **names}


def _self(_gate: Gate, asking: User, _target: Target, _spec: Object) -> Object:
    return {"userInfo": _user_info(asking)}


def _token(gate: Gate, _asking: User, _target: Target, spec: Object) -> Object:
    token, wanted = spec.get("token") or "", spec.get("audiences") or []
    if not token:
        raise errors.bad_request("token is required for TokenReview in authentication")
    if wanted:
        proven = gate.accounts.read(token, gate.lookup, wanted)
        if proven is not None:
            return {"authenticated": True, "user": _user_info(proven.user), "audiences": list(proven.audiences)}
    user = gate.user(token)
    if user is None or (wanted and service_accounts.AUDIENCE not in wanted):
        return {"user": {}, "error": "the token is wrong, has expired, or is for others"}
    return {"authenticated": True, "user": _user_info(user), "audiences": [service_accounts.AUDIENCE]}


def _user_info(user: User) -> Object:
    uid = {"uid": user.uid} if user.uid else {}
    groups = user.groups if AUTHENTICATED in user.groups else (*user.groups, AUTHENTICATED)
    return {"username": user.name, **uid, "groups": list(groups)}


_ANSWERS: Mapping[str, Callable[[Gate, User, Target, Object], Object]] = {
    "LocalSubjectAccessReview": _local_access,
    "SelfSubjectAccessReview": _self_access,
    "SelfSubjectReview": _self,
    "SelfSubjectRulesReview": _self_rules,
    "SubjectAccessReview": _access,
    "TokenReview": _token,
}
