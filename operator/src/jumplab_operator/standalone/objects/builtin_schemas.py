"""Schemas of the built-in kinds: what their fields are called, and what they hold."""

from __future__ import annotations

from typing import Any

_Schema = dict[str, Any]


def _of(kind: str, description: str = "", **more: Any) -> _Schema:
    return {"type": kind, **({"description": description} if description else {}), **more}


def _text(description: str = "", **more: Any) -> _Schema:
    return _of("string", description, **more)


def _flag(description: str = "") -> _Schema:
    return _of("boolean", description)


def _number(description: str = "") -> _Schema:
    return _of("integer", description)


def _instant(description: str = "") -> _Schema:
    return _text(description, format="date-time")


def _object(description: str = "", required: tuple[str, ...] = (), /, **properties: _Schema) -> _Schema:
    more: _Schema = {"required": list(required)} if required else {}
    return _of("object", description, properties=properties, **more)


def _list(description: str, items: _Schema) -> _Schema:
    return _of("array", description, items=items)


def _texts(description: str = "") -> _Schema:
    return _list(description, _text())


def _map(description: str, values: _Schema) -> _Schema:
    return _of("object", description, additionalProperties=values)


def _open(description: str) -> _Schema:
    return _of("object", description, **{"x-kubernetes-preserve-unknown-fields": True})


_IMMUTABLE = _flag("If true, only the metadata can be changed from then on.")
_REFERENCE = {
    "apiVersion": _text("API version of the object."), "fieldPath": _text("A part of the object, as a path."),
    "kind": _text("Kind of the object."), "name": _text("Name of the object."),
    "namespace": _text("Namespace of the object."), "resourceVersion": _text("The object's version at that time."),
    "uid": _text("UID of the object."),
}  # fmt: skip
_CONDITION = {
    "type": _text("What it is about."), "status": _text("True, False or Unknown."),
    "lastTransitionTime": _instant("When the status last changed."), "reason": _text("One word for machines."),
    "message": _text("A sentence for people."),
}  # fmt: skip
_SOURCE = _object(
    "What reported it.", component=_text("The component's name."), host=_text("The machine that it runs on.")
)

SECRET = _object(
    "Holds confidential data.",
    data=_map("The content, each value in base64.", _text(format="byte")),
    stringData=_map("Content as plain text; it moves into data.", _text()),
    immutable=_IMMUTABLE,
    type=_text("What the data is for; Opaque unless told otherwise."),
)
CONFIG_MAP = _object(
    "Holds configuration.",
    data=_map("The content, as text.", _text()),
    binaryData=_map("Content that is no text, each value in base64.", _text(format="byte")),
    immutable=_IMMUTABLE,
)
NAMESPACE = _object(
    "A scope for names.",
    spec=_object("What is wanted.", finalizers=_texts("Who must agree before the namespace is gone.")),
    status=_object(
        "What is.",
        phase=_text("Active or Terminating."),
        conditions=_list("How far its end has come.", _object("One of them.", ("type", "status"), **_CONDITION)),
    ),
)
SERVICE_ACCOUNT = _object(
    "An identity for programs.",
    automountServiceAccountToken=_flag("Whether pods get its token."),
    imagePullSecrets=_list("Secrets for pulling images.", _object("One of them.", name=_text("Name of a Secret."))),
    secrets=_list("Secrets that its pods may use.", _object("One of them.", **_REFERENCE)),
)
COORDINATION_LEASE = _object(
    "Says who leads.",
    spec=_object(
        "Who holds it, and for how long.",
        acquireTime=_instant("When its holder got it."),
        holderIdentity=_text("Who holds it."),
        leaseDurationSeconds=_number("How long it is held after its renewal, in seconds."),
        leaseTransitions=_number("How often the holder changed."),
        renewTime=_instant("When its holder last renewed it."),
    ),
)
_SERIES = _object(
    "A row of like events.", count=_number("How many so far."), lastObservedTime=_instant("When the last one was.")
)
EVENT = _object(
    "Something that happened to an object.",
    ("involvedObject",),
    action=_text("What was done."),
    count=_number("How often it happened."),
    eventTime=_instant("When it happened first."),
    firstTimestamp=_instant("When it was first recorded."),
    involvedObject=_object("What it is about.", **_REFERENCE),
    lastTimestamp=_instant("When it was last recorded."),
    message=_text("What happened, in words."),
    reason=_text("What happened, in one word."),
    related=_object("What else it is about.", **_REFERENCE),
    reportingComponent=_text("The controller that reported it."),
    reportingInstance=_text("Which instance of the controller."),
    series=_SERIES,
    source=_SOURCE,
    type=_text("Normal or Warning."),
)
EVENTS_K8S_IO_EVENT = _object(
    "Something that happened to an object.",
    action=_text("What was done."),
    deprecatedCount=_number("How often it happened, as the core group counts."),
    deprecatedFirstTimestamp=_instant("When it was first recorded, in the core group's field."),
    deprecatedLastTimestamp=_instant("When it was last recorded, in the core group's field."),
    deprecatedSource=_SOURCE,
    eventTime=_instant("When it happened first."),
    note=_text("What happened, in words."),
    reason=_text("What happened, in one word."),
    regarding=_object("What it is about.", **_REFERENCE),
    related=_object("What else it is about.", **_REFERENCE),
    reportingController=_text("The controller that reported it."),
    reportingInstance=_text("Which instance of the controller."),
    series=_SERIES,
    type=_text("Normal or Warning."),
)
_ACT = {
    "group": _text("API group."), "name": _text("Name of the object."), "namespace": _text("Namespace."),
    "resource": _text("Plural name of the kind."), "subresource": _text("Such as status."),
    "verb": _text("Such as get, list, create."), "version": _text("API version."),
}  # fmt: skip
_ASKED = {
    "resourceAttributes": _object("What is asked about, where it is a resource.", **_ACT),
    "nonResourceAttributes": _object(
        "What is asked about, where it is an address.", path=_text("The address."), verb=_text("Such as get.")
    ),
}
_ANSWER = _object(
    "The answer.", allowed=_flag("Whether it may be done."), denied=_flag("Whether it is forbidden."),
    reason=_text("Why."), evaluationError=_text("What went wrong in finding out."),
)  # fmt: skip
SELF_SUBJECT_ACCESS_REVIEW = _object(
    "Asks whether the asking user may do something.", ("spec",), spec=_object("The question.", **_ASKED), status=_ANSWER
)
SUBJECT_ACCESS_REVIEW = _object(
    "Asks whether a user may do something.",
    ("spec",),
    spec=_object(
        "The question.",
        user=_text("Who."),
        groups=_texts("Groups of that user."),
        uid=_text("UID of that user."),
        extra=_map("What else is known of the user.", _texts()),
        **_ASKED,
    ),
    status=_ANSWER,
)
SELF_SUBJECT_RULES_REVIEW = _object(
    "Asks for all that the asking user may do.",
    ("spec",),
    spec=_object("The question.", namespace=_text("Where.")),
    status=_open("The rules."),
)
_USER_INFO = _object(
    "Who it is.", username=_text("Name."), uid=_text("UID."), groups=_texts("Groups."),
    extra=_map("What else is known.", _texts()),
)  # fmt: skip
SELF_SUBJECT_REVIEW = _object("Asks who the asking user is.", status=_object("The answer.", userInfo=_USER_INFO))
TOKEN_REVIEW = _object(
    "Asks whom a token proves.",
    ("spec",),
    spec=_object("The question.", token=_text("The token."), audiences=_texts("Whom it should be for.")),
    status=_object(
        "The answer.",
        authenticated=_flag("Whether it proves anybody."),
        audiences=_texts("Whom it is for, of those asked about."),
        error=_text("Why it proves nobody."),
        user=_USER_INFO,
    ),
)
_NAMES = _object(
    "How it is called.",
    ("plural", "kind"),
    categories=_texts("Groups such as all."),
    kind=_text("Name of the kind."),
    listKind=_text("Name of its lists."),
    plural=_text("In addresses."),
    shortNames=_texts("For kubectl."),
    singular=_text("For kubectl."),
)
_CRD_VERSION = _object(
    "One version.",
    ("name", "served", "storage"),
    additionalPrinterColumns=_list(
        "Columns of kubectl get.",
        _object(
            "One column.",
            ("name", "type", "jsonPath"),
            description=_text("What it shows."),
            format=_text("How."),
            jsonPath=_text("Where its value is."),
            name=_text("Its heading."),
            priority=_number("Above 0: in the wide form only."),
            type=_text("Of its values."),
        ),
    ),
    deprecated=_flag("Whether it should not be used any more."),
    deprecationWarning=_text("What those are told who use it."),
    name=_text("Its name."),
    schema=_object("What its objects hold.", openAPIV3Schema=_open("The schema.")),
    served=_flag("Whether it is offered."),
    storage=_flag("Whether objects are stored in it."),
    subresources=_object("Further doors.", scale=_open("Not offered here."), status=_open("A door to the status.")),
)
CUSTOM_RESOURCE_DEFINITION = _object(
    "Defines a kind of objects.",
    ("spec",),
    spec=_object(
        "What it is.",
        ("group", "names", "scope", "versions"),
        conversion=_object("How versions become each other.", strategy=_text("None."), webhook=_open("Not offered.")),
        group=_text("API group."),
        names=_NAMES,
        preserveUnknownFields=_flag("Must be false."),
        scope=_text("Cluster or Namespaced."),
        versions=_list("Its versions.", _CRD_VERSION),
    ),
    status=_object(
        "How far it has come.",
        acceptedNames=_NAMES,
        conditions=_list("Its conditions.", _object("One of them.", ("type", "status"), **_CONDITION)),
        storedVersions=_texts("Versions in which there may be objects."),
    ),
)
API_VERSION = _text("Group and version of the kind.")
KIND = _text("Name of the kind.")
_OWNER = _object(
    "One owner.",
    ("apiVersion", "kind", "name", "uid"),
    apiVersion=_text("API version of the owner."),
    blockOwnerDeletion=_flag("Whether the owner waits for this object to go, where deletions wait."),
    controller=_flag("Whether this owner is the managing one."),
    kind=_text("Kind of the owner."),
    name=_text("Name of the owner."),
    uid=_text("UID of the owner."),
)
OBJECT_META = _object(
    "What every object has.",
    annotations=_map("Notes of any kind; nothing selects by them.", _text()),
    creationTimestamp=_instant("When it was created."),
    deletionGracePeriodSeconds=_number("Always 0."),
    deletionTimestamp=_instant("When its deletion was asked for; it waits for its finalizers."),
    finalizers=_texts("Who must agree before it is gone."),
    generateName=_text("What its generated name begins with."),
    generation=_number("Counts the changes of what is wanted."),
    labels=_map("What selectors go by.", _text()),
    managedFields=_list(
        "Not kept here.",
        _object(
            "One of them.",
            apiVersion=_text("API version of the fields."),
            fieldsType=_text("FieldsV1."),
            fieldsV1={"x-kubernetes-preserve-unknown-fields": True, "description": "The fields."},
            manager=_text("Who set them."),
            operation=_text("Apply or Update."),
            subresource=_text("Through which they were set."),
            time=_instant("When they were set."),
        ),
    ),
    name=_text("Unique for its kind in its namespace; it never changes."),
    namespace=_text("The scope of its name."),
    ownerReferences=_list("The object goes after the last of them.", _OWNER),
    resourceVersion=_text("Of its last change; what to name in an update."),
    selfLink=_text("Not set here."),
    uid=_text("Unique for all time."),
)
DELETE_OPTIONS = _object(
    "How to delete.",
    dryRun=_texts("All: nothing is deleted."),
    gracePeriodSeconds=_number("No kind here waits for it."),
    orphanDependents=_flag("The older word for the propagation policies Orphan and Background."),
    preconditions=_object(
        "What the object must be for the deletion to happen.",
        resourceVersion=_text("Its version."),
        uid=_text("Its UID."),
    ),
    propagationPolicy=_text("What becomes of the object's dependents; only Background is offered."),
)
