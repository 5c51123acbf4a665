"""The kinds that are always served: the built-in ones, and the reviews, which are answered and not stored."""

from __future__ import annotations

from typing import Any

from jumplab_operator.standalone.base.kinds import ALL_VERBS, Kind, Subresource, Version, View
from jumplab_operator.standalone.objects import builtin_schemas as schemas
from jumplab_operator.standalone.objects import event_views


def _built_in(group: str, plural: str, singular: str, kind: str, version: Version, **more: Any) -> Kind:
    return Kind(group, plural, singular, kind, {version.name: version}, version.name, list_kind=f"{kind}List", **more)


def _review(group: str, singular: str, kind: str, schema: dict[str, Any], *, namespaced: bool = False) -> Kind:
    version = Version("v1", schema)
    return _built_in(group, f"{singular}s", singular, kind, version, namespaced=namespaced, verbs=("create",))


_EVENT_FIELDS = {
    "involvedObject.apiVersion": "", "involvedObject.fieldPath": "", "involvedObject.kind": "",
    "involvedObject.name": "", "involvedObject.namespace": "", "involvedObject.resourceVersion": "",
    "involvedObject.uid": "", "reason": "", "source": "", "type": "",
}  # fmt: skip

_REGARDING_FIELDS = {"reason": "", "reportingController": "", "type": ""} | {
    field.replace("involvedObject", "regarding"): "" for field in _EVENT_FIELDS if "." in field
}

NAMESPACES = _built_in(
    "", "namespaces", "namespace", "Namespace", Version("v1", schemas.NAMESPACE, has_status=True),
    namespaced=False, short_names=("ns",), updates_blindly=True, fields={"status.phase": ""},
    verbs=tuple(verb for verb in ALL_VERBS if verb != "deletecollection"),
    subresources=(Subresource("finalize", ("update",)),),
)  # fmt: skip
SECRETS = _built_in(
    "", "secrets", "secret", "Secret", Version("v1", schemas.SECRET), updates_blindly=True, fields={"type": ""}
)
CONFIG_MAPS = _built_in(
    "", "configmaps", "configmap", "ConfigMap", Version("v1", schemas.CONFIG_MAP), short_names=("cm",),
    updates_blindly=True,
)  # fmt: skip
SERVICE_ACCOUNTS = _built_in(
    "", "serviceaccounts", "serviceaccount", "ServiceAccount", Version("v1", schemas.SERVICE_ACCOUNT),
    short_names=("sa",), updates_blindly=True,
    subresources=(Subresource("token", ("create",), "TokenRequest", "authentication.k8s.io", "v1"),),
)  # fmt: skip
EVENTS = _built_in(
    "", "events", "event", "Event", Version("v1", schemas.EVENT), short_names=("ev",), updates_blindly=True,
    fields=_EVENT_FIELDS,
)  # fmt: skip
EVENTS_K8S_IO = _built_in(
    "events.k8s.io", "events", "event", "Event", Version("v1", schemas.EVENTS_K8S_IO_EVENT), short_names=("ev",),
    updates_blindly=True, fields=_REGARDING_FIELDS, view=View("events", event_views.shown, event_views.stored),
)  # fmt: skip
COORDINATION_LEASES = _built_in(
    "coordination.k8s.io", "leases", "lease", "Lease", Version("v1", schemas.COORDINATION_LEASE)
)
CRDS = _built_in(
    "apiextensions.k8s.io", "customresourcedefinitions", "customresourcedefinition", "CustomResourceDefinition",
    Version("v1", schemas.CUSTOM_RESOURCE_DEFINITION, has_status=True),
    namespaced=False, short_names=("crd", "crds"), categories=("api-extensions",), counts_generations=True,
)  # fmt: skip
REVIEWS = (
    _review("authentication.k8s.io", "selfsubjectreview", "SelfSubjectReview", schemas.SELF_SUBJECT_REVIEW),
    _review("authentication.k8s.io", "tokenreview", "TokenReview", schemas.TOKEN_REVIEW),
    _review(
        "authorization.k8s.io", "localsubjectaccessreview", "LocalSubjectAccessReview", schemas.SUBJECT_ACCESS_REVIEW,
        namespaced=True,
    ),
    _review(
        "authorization.k8s.io", "selfsubjectaccessreview", "SelfSubjectAccessReview",
        schemas.SELF_SUBJECT_ACCESS_REVIEW,
    ),
    _review(
        "authorization.k8s.io", "selfsubjectrulesreview", "SelfSubjectRulesReview", schemas.SELF_SUBJECT_RULES_REVIEW
    ),
    _review("authorization.k8s.io", "subjectaccessreview", "SubjectAccessReview", schemas.SUBJECT_ACCESS_REVIEW),
)  # fmt: skip

BUILT_IN = (
    NAMESPACES, SECRETS, CONFIG_MAPS, SERVICE_ACCOUNTS, EVENTS, EVENTS_K8S_IO, COORDINATION_LEASES, CRDS, *REVIEWS,
)  # fmt: skip
