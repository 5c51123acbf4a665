"""What somebody outside can send, at the limits that the programs have for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import jwt
import yaml
from cryptography.hazmat.primitives.asymmetric import ec

from jumplab.control_sequences import ControlSequenceFilter, printable
from jumplab.drivers.console.patterns import Patterns
from jumplab.protocol import durations, label_selectors
from jumplab.protocol.label_selectors import parse_label_selector
from jumplab.protocol.v1 import common_pb2, controller_pb2
from jumplab.protocol.v1.session_pb2 import Frame, Frames
from jumplab.session import frames
from jumplab.transport.links import ENVELOPE_BYTES
from jumplab.yaml_documents import read_document
from jumplab_operator.controller import messages, report_limits
from jumplab_operator.controller.credentials import CredentialIssuer, InvalidCredential
from jumplab_operator.controller.interceptor import MOST_BYTES, MOST_BYTES_OF
from jumplab_operator.controller.refusals import Refusal
from jumplab_operator.controller.selectors import parse_selector
from jumplab_operator.standalone.base.errors import RequestRefused
from jumplab_operator.standalone.http import bodies, json_patches, patches, presentation, selectors
from jumplab_operator.standalone.http.verbs import CLIENT_LIMIT_BYTES
from jumplab_operator.standalone.kubectl import jsonpath, tables
from jumplab_operator.standalone.objects import crds, metadata_rules, validation
from jumplab_operator.standalone.objects.built_in import CONFIG_MAPS, EVENTS
from jumplab_operator.standalone.objects.registry import Registry
from jumplab_operator.standalone.objects.routes import Target, parse
from jumplab_operator.standalone.storage.writer import LIMIT_BYTES, encode
from tools.costs.measuring import Input

_HEADER_BYTES = 8190
"""aiohttp's limit of a header, and of a request's path with its query."""
_METADATA_BYTES = 8192
"""gRPC's limit of a call's metadata."""
_DEFINITION: dict[str, Any] = yaml.safe_load(
    files("jumplab_operator").joinpath("crds/jumpstarter.dev_leases.yaml").read_text()
)
_LEASES = crds.kind_of(_DEFINITION)
_LEASE = Target(_LEASES, _LEASES.versions["v1alpha1"], "lab", "a")
_MAP = Target(CONFIG_MAPS, CONFIG_MAPS.versions["v1"], "lab", "a")
_NOW = datetime(2026, 1, 1, tzinfo=UTC)

Run = Callable[[], object]


def _repeated(piece: str, size: int, opening: str = "[", closing: str = "]") -> bytes:
    """A JSON list or object of so many bytes, about, of one piece again and again."""
    return (opening + ",".join(piece for _ in range(max(1, size // (len(piece) + 1)))) + closing).encode()


def _body(piece: str) -> Callable[[int], Run]:
    return lambda size: _of_body(_repeated(piece, size))


def _of_body(body: bytes) -> Run:
    return lambda: _unless_refused(lambda: bodies.decoded(body))


def _unless_refused(run: Run) -> None:
    """What is refused costs as well."""
    with suppress(RequestRefused, Refusal, ValueError):
        run()


def _lease(part: str) -> Callable[[int], Run]:
    """All that is done with the object of a Lease before it is stored; `part` is filled up."""

    def made(size: int) -> Run:
        metadata: dict[str, Any] = {"name": "a"}
        spec: dict[str, Any] = {"clientRef": {"name": "ci"}, "duration": "1h", "selector": {}}
        head = {"apiVersion": _LEASE.api_version, "kind": "Lease", "metadata": metadata, "spec": spec}
        match part:
            case "labels":
                metadata["labels"] = {f"label-{number}": "x" for number in range(size // 20)}
            case "unknown fields":
                spec |= {f"field-{number}": number for number in range(size // 24)}
            case "requirements":
                spec["selector"]["matchExpressions"] = [
                    {"key": f"k-{number}", "operator": "In", "values": ["a"]} for number in range(size // 56)
                ]
            case "members":
                spec["exporters"] = [{"name": f"m-{number}", "selector": {}} for number in range(size // 36)]
        body = encode(head)
        return lambda: _unless_refused(lambda: _admitted(_LEASE, body))

    return made


def _admitted(target: Target, body: bytes) -> object:
    admitted = bodies.admitted(target, bodies.decoded(body))
    metadata_rules.causes(admitted)
    validation.causes(admitted, target.version.schema or {})
    return encode(admitted)


def _map(size: int) -> Run:
    value = "x" * 20
    body = encode({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"},
                   "data": {f"key-{number}": value for number in range(size // 36)}})  # fmt: skip
    return lambda: _unless_refused(lambda: _admitted(_MAP, body))


def _map_of(size: int) -> dict[str, Any]:
    data = {f"key-{number}": "x" * 20 for number in range(size // 36)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "resourceVersion": "1"}, "data": data}


def _answer(size: int) -> Run:
    """To who reads one object."""
    seen, body = presentation.Presentation(_MAP, _NOW), encode(_map_of(size))
    return lambda: seen.answer_stored(body)


def _written(size: int) -> Run:
    """To who has made or changed an object."""
    seen, stored = presentation.Presentation(_MAP, _NOW), _map_of(size)
    return lambda: seen.answer(stored)


def _object(size: int) -> dict[str, Any]:
    data = {f"key-{number}": "x" for number in range(size // 17)}
    return {"metadata": {"name": "a"}, "data": data}


def _merge(media_type: str, patch: Callable[[int], dict[str, Any]]) -> Callable[[int], Run]:
    def made(size: int) -> Run:
        current, body = _object(size), encode(patch(size))
        return lambda: _unless_refused(
            lambda: patches.apply_patch(media_type, current, bodies.decoded(body), CONFIG_MAPS, "a")
        )

    return made


def _owners(size: int) -> dict[str, Any]:
    return {"metadata": {"ownerReferences": [{"uid": f"u-{number}"} for number in range(size // 15)]}}


def _operations(operation: dict[str, Any]) -> Callable[[int], Run]:
    """A JSON patch of so many bytes at an object with a list of 1,000 items."""

    def made(size: int) -> Run:
        current = {"metadata": {"name": "a"}, "data": {"a": "x" * 100}, "list": list(range(1000))}
        patch = [operation] * (size // (len(encode(operation)) + 1))
        return lambda: _unless_refused(lambda: json_patches.apply(current, patch, CONFIG_MAPS, "a"))

    return made


def _json_patch(name: str, operation: dict[str, Any]) -> Input:
    return Input(f"JSON patch: {name}", CLIENT_LIMIT_BYTES, "bytes", _operations(operation), holds_loop=False)


def _copies(size: int) -> Run:
    """Copies that make the object larger, up to the limit of what a patch may copy."""
    current = {"metadata": {"name": "a"}, "data": {"a": "x" * (size // 8)}}
    patch = [{"op": "copy", "from": "/data/a", "path": f"/data/b{number}"} for number in range(8)]
    return lambda: _unless_refused(lambda: json_patches.apply(current, patch, CONFIG_MAPS, "a"))


def _selector(piece: str) -> Callable[[int], Run]:
    """A selector of so many requirements, as of a standalone list or a gRPC call: read, and asked of 100 objects."""

    def made(size: int) -> Run:
        text = ",".join([piece] * size)
        return lambda: _unless_refused(lambda: _select(text))

    return made


def _long_key(size: int) -> Run:
    return lambda: _unless_refused(lambda: _select("a" * size))


def _values(size: int) -> Run:
    text = "a in (" + ",".join("b" for _ in range(size // 2 - 4)) + ")"
    return lambda: _unless_refused(lambda: _select(text))


def _select(text: str) -> None:
    parse_label_selector(text)
    parse_selector(text)
    admits = selectors.label_selector(text)
    for _ in range(100):
        if admits is not None:
            admits({"a": "b"})


def _fields(size: int) -> Run:
    text = ",".join(["metadata.name!=a"] * size)

    def run() -> None:
        admits = selectors.field_selector(text, EVENTS)
        for _ in range(100):
            if admits is not None:
                admits({"metadata": {"name": "b"}})

    return lambda: _unless_refused(run)


def _table(size: int) -> Run:
    """A row of a Lease whose conditions are as many as an object may hold."""
    conditions = [{"type": f"T-{number}", "status": "True"} for number in range(size // 36)]
    lease = {
        "metadata": {"name": "a", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "status": {"conditions": conditions},
    }
    return lambda: tables.cells(_LEASES, _LEASES.versions["v1alpha1"], lease, _NOW)


def _path_of_column(piece: str) -> Callable[[int], Run]:
    def made(size: int) -> Run:
        path = piece * (size // len(piece))

        def run() -> object:
            jsonpath._steps.cache_clear()
            return jsonpath.find(path, {"a": [{"a": 1}]})

        return run

    return made


def _accept(size: int) -> Run:
    text = ",".join("text/plain;as=Table" for _ in range(size // 20))
    return lambda: _unless_refused(lambda: presentation._shape(text))


def _url(size: int) -> Run:
    registry, path = Registry(), "/apis/jumpstarter.dev/v1alpha1" + "/a" * (size // 2)
    registry.serve(_LEASES)
    return lambda: _unless_refused(lambda: parse(path, registry))


def _token(size: int) -> Run:
    issuer, key = CredentialIssuer(ec.generate_private_key(ec.SECP256R1())), ec.generate_private_key(ec.SECP256R1())
    token = jwt.encode({"sub": "x" * (size // 2)}, key, algorithm="ES256")

    def run() -> None:
        with suppress(InvalidCredential):
            issuer.read(token)

    return run


def _lease_request(size: int) -> Run:
    labels = {f"label-{number}": "x" for number in range(size // 20)}
    message = controller_pb2.RequestLeaseRequest()
    message.selector.match_labels.update(labels)
    body = message.SerializeToString()
    return lambda: messages.selector_fields(controller_pb2.RequestLeaseRequest.FromString(body).selector)


def _report(drivers: Callable[[int], Iterator[common_pb2.DriverInstanceReport]]) -> Callable[[int], Run]:
    def made(size: int) -> Run:
        body = controller_pb2.RegisterRequest(reports=drivers(size)).SerializeToString()

        def run() -> None:
            request = controller_pb2.RegisterRequest.FromString(body)
            report_limits.check_reports(request.reports)
            devices = messages.device_fields(request.reports)
            report_limits.check_labels(dict(request.labels), {})
            report_limits.check_devices(devices)

        return lambda: _unless_refused(run)

    return made


def _small_drivers(size: int) -> Iterator[common_pb2.DriverInstanceReport]:
    return (common_pb2.DriverInstanceReport(uuid="u") for _ in range(size // 5))


def _large_drivers(size: int) -> Iterator[common_pb2.DriverInstanceReport]:
    interface = common_pb2.InterfaceReport(name="acme.Interface", version=1, schema="x" * 10_000)
    return (common_pb2.DriverInstanceReport(uuid="u", interfaces=[interface]) for _ in range(size // 10_050))


def _labelled_drivers(size: int) -> Iterator[common_pb2.DriverInstanceReport]:
    """As many drivers as may be, with the labels that make the report as large as it may be stored."""
    labels = {f"label-{number}": "x" for number in range(25)}
    return (common_pb2.DriverInstanceReport(uuid="u", labels=labels) for _ in range(size))


def _empty_frames(size: int) -> Run:
    payload = Frames(frames=[Frame()] * (size // 2)).SerializeToString()
    return lambda: _lost(lambda: [frame.WhichOneof("kind") for frame in frames._decoded(payload).frames])


def _frames_too_many(size: int) -> Run:
    payload = b"\x0a\x00" * (size // 2)
    return lambda: _lost(lambda: frames._decoded(payload))


def _lost(run: Run) -> None:
    with suppress(frames.ProtocolError):
        run()


def _yaml(size: int) -> Run:
    text = "\n".join(f"key-{number}: value" for number in range(size // 16))
    return lambda: _unless_refused(lambda: read_document(text))


def _pattern(size: int) -> Run:
    return lambda: _unless_refused(lambda: Patterns("(a|b)" * (size // 5)))


def _control(piece: bytes) -> Callable[[int], Run]:
    return lambda size: lambda: ControlSequenceFilter().feed(piece * (size // len(piece)))


INPUTS = (
    Input("JSON body: numbers", CLIENT_LIMIT_BYTES, "bytes", _body("1")),
    Input("JSON body: lists in lists", CLIENT_LIMIT_BYTES, "bytes", _body("[[[[]]]]")),
    Input("JSON body: escapes", CLIENT_LIMIT_BYTES, "bytes", _body('"\\ud83d\\ude00"')),
    Input("JSON body: long numbers", CLIENT_LIMIT_BYTES, "bytes", _body("9" * 300)),
    Input("JSON body: one number", CLIENT_LIMIT_BYTES, "bytes", lambda size: _of_body(b"9" * size)),
    Input("JSON body: nested too deeply", CLIENT_LIMIT_BYTES, "bytes", lambda size: _of_body(b"[" * size)),
    Input("Lease: labels", CLIENT_LIMIT_BYTES, "bytes", _lease("labels")),
    Input("Lease: unknown fields", CLIENT_LIMIT_BYTES, "bytes", _lease("unknown fields")),
    Input("Lease: requirements", CLIENT_LIMIT_BYTES, "bytes", _lease("requirements")),
    Input("Lease: members", CLIENT_LIMIT_BYTES, "bytes", _lease("members")),
    Input("ConfigMap", CLIENT_LIMIT_BYTES, "bytes", _map),
    Input("the administrator's ConfigMap", LIMIT_BYTES, "bytes", _map, holds_loop=False),
    Input("the administrator's lists", LIMIT_BYTES, "bytes", _body("[[[[]]]]"), holds_loop=False),
    Input("a stored ConfigMap: answered", LIMIT_BYTES, "bytes", _answer),
    Input("a stored ConfigMap: written", LIMIT_BYTES, "bytes", _written),
    Input("merge patch", CLIENT_LIMIT_BYTES, "bytes", _merge(patches.MERGE, _object)),
    Input("strategic patch", CLIENT_LIMIT_BYTES, "bytes", _merge(patches.STRATEGIC, _object)),
    Input("strategic patch: lists by key", CLIENT_LIMIT_BYTES, "bytes", _merge(patches.STRATEGIC, _owners)),
    # The thread that writes to the database applies these.
    _json_patch("tests", {"op": "test", "path": "/data/a", "value": "x"}),
    _json_patch("insertions", {"op": "add", "path": "/list/0", "value": 1}),
    _json_patch("moves", {"op": "move", "from": "/list/0", "path": "/list/9"}),
    Input("JSON patch: copies", json_patches.LIMIT_COPIED_BYTES, "bytes", _copies, holds_loop=False),
    Input("label selector: requirements", label_selectors.MOST_REQUIREMENTS, "parts", _selector("a=b")),
    Input("label selector: one key", label_selectors.LONGEST_TEXT, "characters", _long_key),
    Input("label selector: values", label_selectors.LONGEST_TEXT, "characters", _values),
    Input("field selector", label_selectors.MOST_REQUIREMENTS, "parts", _fields),
    Input("table: an object's cells", CLIENT_LIMIT_BYTES, "bytes", _table),
    Input("table: a column's path", 1_000, "characters", _path_of_column(".a")),
    Input("table: a column's filters", 1_000, "characters", _path_of_column("[?(@.a)]")),
    Input("table: an Accept header", _HEADER_BYTES, "bytes", _accept),
    Input("path of a URL", _HEADER_BYTES, "bytes", _url),
    Input("token", _METADATA_BYTES, "bytes", _token),
    Input(
        "duration",
        durations.MOST_CHARACTERS,
        "characters",
        lambda size: lambda: _unless_refused(lambda: durations.parse_duration.__wrapped__("1h" * (size // 2))),
    ),
    Input("message: a lease's selector", MOST_BYTES, "bytes", _lease_request),
    Input(
        "message: small drivers",
        MOST_BYTES_OF["/jumplab.v1.ControllerService/Register"],
        "bytes",
        _report(_small_drivers),
    ),
    Input(
        "message: drivers' schemas",
        MOST_BYTES_OF["/jumplab.v1.ControllerService/Register"],
        "bytes",
        _report(_large_drivers),
    ),
    Input("session: empty frames", 2 * frames.MOST_FRAMES, "bytes", _empty_frames),
    Input("session: too many frames", frames.FRAME_BYTES, "bytes", _frames_too_many),
    Input("sentence for a terminal", 30_000, "characters", lambda size: lambda: printable("\x1b[" * (size // 2))),
    Input("console: control sequences", ENVELOPE_BYTES, "bytes", _control(b"\x1b[0;1m")),
    Input("console: half sequences", ENVELOPE_BYTES, "bytes", _control(b"\x1b]")),
    Input("console pattern", 10_000, "characters", _pattern, holds_loop=False),
    Input("configuration file", 1024 * 1024, "bytes", _yaml, holds_loop=False),
)
