"""Tables: what kubectl prints is what the server says."""

from __future__ import annotations

from itertools import islice
from typing import Any

from tests.kube.client import KubeClient
from tests.standalone.widgets import widget

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


def headed(table: Any) -> list[dict[str, Any]]:
    """Each row as a mapping from its columns' names."""
    names = [column["name"] for column in table["columnDefinitions"]]
    return [dict(zip(names, row["cells"], strict=True)) for row in table["rows"]]


def test_a_custom_resource_has_its_own_columns(client: KubeClient, path: str) -> None:
    client.create(path, widget("a", tags=["x", "y"], when="2001-01-01T00:00:00Z")).ok()
    client.create(path, widget("b", size=5)).ok()
    conditions = [
        {"type": "Other", "status": "True", "reason": "No"},
        {"type": "Ready", "status": "False", "reason": "Released"},
    ]
    client.patch(f"{path}/a/status", {"status": {"conditions": conditions}}).ok()
    table = client.get(path, TABLE).ok()
    assert table["kind"] == "Table"
    assert table["apiVersion"] == "meta.k8s.io/v1"
    assert table["metadata"]["resourceVersion"].isdecimal()
    columns = [(c["name"], c["type"], c["priority"]) for c in table["columnDefinitions"]]
    assert columns == [
        ("Name", "string", 0), ("Size", "integer", 0), ("Ready", "string", 0), ("Colour", "string", 1),
        ("Tags", "string", 1), ("Since", "date", 1), ("Age", "date", 0),
    ]  # fmt: skip
    first, second = headed(table)
    assert (first["Name"], first["Size"], first["Ready"], first["Colour"]) == ("a", 3, "Released", "red")
    assert first["Tags"] == '["x","y"]'
    assert first["Since"].endswith("y")
    assert first["Age"].endswith("s")
    assert (second["Ready"], second["Tags"], second["Since"]) == (None, None, None)


def test_a_row_brings_its_metadata(client: KubeClient, path: str) -> None:
    made = client.create(path, widget()).ok()
    (row,) = client.get(path, TABLE).ok()["rows"]
    assert row["object"]["kind"] == "PartialObjectMetadata"
    assert row["object"]["metadata"]["uid"] == made["metadata"]["uid"]
    (row,) = client.get(f"{path}?includeObject=Object", TABLE).ok()["rows"]
    assert row["object"]["spec"]["size"] == 3
    (row,) = client.get(f"{path}?includeObject=None", TABLE).ok()["rows"]
    assert not row.get("object")


def test_one_object_is_a_table_too(client: KubeClient, path: str) -> None:
    client.create(path, widget()).ok()
    assert headed(client.get(f"{path}/a", TABLE).ok())[0]["Name"] == "a"


def test_a_watch_tells_tables(client: KubeClient, path: str) -> None:
    client.create(path, widget()).ok()
    with client.watch(f"{path}?watch=true", TABLE) as events:
        client.patch(f"{path}/a", {"spec": {"size": 4}}).ok()
        seen = list(islice(events, 2))
    assert [event["type"] for event in seen] == ["ADDED", "MODIFIED"]
    assert [event["object"]["rows"][0]["cells"][1] for event in seen] == [3, 4]


def test_built_in_kinds_have_their_columns(client: KubeClient, secrets: str, namespace: str) -> None:
    client.create(secrets, {"metadata": {"name": "s"}, "data": {"a": "MQ==", "b": "MQ=="}}).ok()
    row = next(row for row in headed(client.get(secrets, TABLE).ok()) if row["Name"] == "s")
    assert (row["Type"], row["Data"]) == ("Opaque", 2)
    rows = headed(client.get("/api/v1/namespaces", TABLE).ok())
    assert {row["Name"]: row["Status"] for row in rows}[namespace] == "Active"


def test_events_have_their_columns(client: KubeClient, namespace: str) -> None:
    events = f"/api/v1/namespaces/{namespace}/events"
    about = {"kind": "Widget", "name": "a", "namespace": namespace}
    times = {"firstTimestamp": "2001-01-01T00:00:00Z", "lastTimestamp": "2001-01-01T00:00:00Z"}
    sent = {"metadata": {"name": "e"}, "involvedObject": about, "source": {"component": "us"}, "count": 2, **times}
    client.create(events, {**sent, "reason": "Made", "type": "Normal", "message": "well\n"}).ok()
    table = client.get(events, TABLE).ok()
    (row,) = headed(table)
    assert (row["Type"], row["Reason"], row["Object"], row["Message"]) == ("Normal", "Made", "widget/a", "well")
    assert (row["Source"], row["Count"], row["Name"]) == ("us", 2, "e")
    wide = [column["name"] for column in table["columnDefinitions"] if column["priority"]]
    assert wide == ["Subobject", "Source", "First Seen", "Count", "Name"]
