"""The lines that watches send: as stored where they can be, so that many watches cost little."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from jumplab_operator.standalone.http.presentation import Presentation
from jumplab_operator.standalone.objects.built_in import NAMESPACES
from jumplab_operator.standalone.objects.routes import Target

NOW = datetime(2030, 1, 1, tzinfo=UTC)
METADATA = {"name": "a", "resourceVersion": "7", "creationTimestamp": "2030-01-01T00:00:00Z"}
STORED = json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": METADATA, "spec": {}}).encode()


def presentation(shape: str = "") -> Presentation:
    return Presentation(Target(NAMESPACES, NAMESPACES.versions["v1"]), NOW, shape)


def decoded(line: bytes) -> Any:
    assert line.endswith(b"\n")
    return json.loads(line)


def test_what_is_shown_as_stored_is_neither_decoded_nor_encoded() -> None:
    line = presentation().event("MODIFIED", b"the bytes of the store")
    assert line == b'{"type":"MODIFIED","object":the bytes of the store}\n'


def test_an_earlier_body_gets_the_version_of_its_event() -> None:
    told = decoded(presentation().event_at(9, "DELETED", STORED))
    assert told["type"] == "DELETED"
    assert told["object"] == {**json.loads(STORED), "metadata": {**METADATA, "resourceVersion": "9"}}


def test_metadata_alone_and_tables_are_made_of_the_stored() -> None:
    partial = decoded(presentation("Metadata").event("ADDED", STORED))["object"]
    assert (partial["kind"], partial["metadata"]) == ("PartialObjectMetadata", METADATA)
    table = decoded(presentation("Table").event("ADDED", STORED))["object"]
    assert (table["kind"], table["metadata"]) == ("Table", {"resourceVersion": "7"})
    assert decoded(presentation("Table").event_at(9, "DELETED", STORED))["object"]["metadata"] == {
        "resourceVersion": "9"
    }
