"""Config maps, secrets, service accounts and events: what the server checks and fills in."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kube.client import KubeClient


@pytest.fixture
def maps(namespace: str) -> str:
    """Where the test's config maps are."""
    return f"/api/v1/namespaces/{namespace}/configmaps"


def test_a_config_map_holds_text_and_bytes(client: KubeClient, maps: str) -> None:
    sent = {"metadata": {"name": "m"}, "data": {"a.yaml": "x: 1"}, "binaryData": {"b": "AAEC"}}
    made = client.create(maps, sent).ok()
    assert (made["data"], made["binaryData"]) == ({"a.yaml": "x: 1"}, {"b": "AAEC"})
    changed = client.patch(f"{maps}/m", {"data": {"a.yaml": None, "c": "2"}}).ok()
    assert changed["data"] == {"c": "2"}


@pytest.mark.parametrize("plural", ["configmaps", "secrets"])
def test_a_key_of_other_characters(client: KubeClient, namespace: str, plural: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/{plural}"
    answer = client.create(path, {"metadata": {"name": "m"}, "data": {"a b": "MQ=="}})
    assert answer.code == 422
    (cause,) = answer.body["details"]["causes"]
    assert cause["field"] == "data[a b]"
    assert cause["message"].startswith('Invalid value: "a b": a valid config key must consist of alphanumeric')


@pytest.mark.parametrize("plural", ["configmaps", "secrets"])
def test_what_is_immutable_stays(client: KubeClient, namespace: str, plural: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/{plural}"
    client.create(path, {"metadata": {"name": "m"}, "data": {"a": "MQ=="}, "immutable": True}).ok()
    answer = client.patch(f"{path}/m", {"data": {"a": "Mg=="}})
    assert answer.code == 422
    assert answer.message.endswith("data: Forbidden: field is immutable when `immutable` is set")
    answer = client.patch(f"{path}/m", {"immutable": False})
    assert answer.message.endswith("immutable: Forbidden: field is immutable when `immutable` is set")
    assert client.patch(f"{path}/m", {"metadata": {"labels": {"a": "b"}}}).code == 200


def test_the_type_of_a_secret_stays(client: KubeClient, secrets: str) -> None:
    client.create(secrets, {"metadata": {"name": "s"}, "type": "example.com/a"}).ok()
    answer = client.patch(f"{secrets}/s", {"type": "example.com/b"})
    assert answer.code == 422
    assert answer.message == 'Secret "s" is invalid: type: Invalid value: "example.com/b": field is immutable'


def test_a_secret_that_is_too_large(client: KubeClient, secrets: str) -> None:
    answer = client.create(secrets, {"metadata": {"name": "s"}, "stringData": {"a": "x" * (1024 * 1024 + 1)}})
    assert answer.code == 422
    assert "Too long: must have at most 1048576" in answer.message


WRONG = [
    ("secrets", {"data": "text"}),
    ("secrets", {"data": {"a": "not base64!"}}),
    ("secrets", {"type": 3}),
    ("configmaps", {"data": {"a": 1}}),
    ("configmaps", {"immutable": "yes"}),
    ("serviceaccounts", {"secrets": "s"}),
    ("events", {"involvedObject": {"name": 3}}),
    ("events", {"count": "many"}),
]


@pytest.mark.parametrize(("plural", "content"), WRONG, ids=str)
def test_a_field_that_holds_something_else(
    client: KubeClient, namespace: str, plural: str, content: dict[str, Any]
) -> None:
    answer = client.create(f"/api/v1/namespaces/{namespace}/{plural}", {"metadata": {"name": "w"}, **content})
    assert answer.code == 400
    assert answer.body["reason"] == "BadRequest"
    assert " cannot be handled as a " in answer.message
    assert client.get(f"/api/v1/namespaces/{namespace}/{plural}/w").code == 404


def test_a_field_that_a_built_in_kind_has_not_is_dropped(client: KubeClient, secrets: str) -> None:
    made = client.create(secrets, {"metadata": {"name": "s", "colour": "red"}, "colour": "red"}).ok()
    assert "colour" not in made
    assert "colour" not in made["metadata"]


def test_an_account_is_kept_as_sent(client: KubeClient, namespace: str) -> None:
    accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    sent = {"metadata": {"name": "robot"}, "imagePullSecrets": [{"name": "s"}], "automountServiceAccountToken": False}
    made = client.create(accounts, sent).ok()
    assert made["imagePullSecrets"] == [{"name": "s"}]
    assert made["automountServiceAccountToken"] is False


def new_event(namespace: str, **more: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "e", "namespace": namespace},
        "regarding": {"kind": "Widget", "name": "a", "namespace": namespace, "uid": "u1"},
        "eventTime": "2024-01-01T00:00:00.123456Z",
        "reportingController": "example.com/us",
        "reportingInstance": "us-1",
        "action": "Polish",
        "reason": "Polished",
        "type": "Normal",
        "note": "Shiny",
        **more,
    }


def places(namespace: str) -> tuple[str, str]:
    return f"/apis/events.k8s.io/v1/namespaces/{namespace}/events", f"/api/v1/namespaces/{namespace}/events"


def test_an_event_is_one_object_behind_two_doors(client: KubeClient, namespace: str) -> None:
    new, core = places(namespace)
    made = client.create(new, new_event(namespace)).ok()
    assert (made["apiVersion"], made["note"], made["regarding"]["name"]) == ("events.k8s.io/v1", "Shiny", "a")
    shown = client.get(f"{core}/e").ok()
    assert (shown["apiVersion"], shown["message"], shown["involvedObject"]["name"]) == ("v1", "Shiny", "a")
    assert shown["reportingComponent"] == "example.com/us"
    assert shown["metadata"]["uid"] == made["metadata"]["uid"]
    listed = client.get(new).ok()
    assert (listed["kind"], listed["apiVersion"]) == ("EventList", "events.k8s.io/v1")
    assert listed["items"][0]["regarding"]["uid"] == "u1"
    client.delete(f"{new}/e").ok()
    assert client.get(f"{core}/e").code == 404


def test_an_event_of_the_core_group_is_shown_by_the_other(client: KubeClient, namespace: str) -> None:
    new, core = places(namespace)
    about = {"kind": "Widget", "name": "a", "namespace": namespace}
    source = {"component": "us", "host": "here"}
    sent = {"metadata": {"name": "e"}, "involvedObject": about, "message": "Hi", "count": 3, "source": source}
    client.create(core, {**sent, "firstTimestamp": "2024-01-01T00:00:00Z"}).ok()
    shown = client.get(f"{new}/e").ok()
    assert (shown["note"], shown["deprecatedCount"], shown["deprecatedSource"]) == ("Hi", 3, source)
    assert shown["deprecatedFirstTimestamp"] == "2024-01-01T00:00:00Z"


def test_a_row_of_events_is_counted(client: KubeClient, namespace: str) -> None:
    new, core = places(namespace)
    client.create(new, new_event(namespace)).ok()
    series = {"count": 5, "lastObservedTime": "2024-01-01T00:05:00.000000Z"}
    assert client.patch(f"{new}/e", {"series": series}).ok()["series"] == series
    assert client.get(f"{core}/e").ok()["series"] == series


def test_watching_events_by_the_other_door(client: KubeClient, namespace: str) -> None:
    new, core = places(namespace)
    with client.watch(f"{new}?watch=true") as events:
        client.create(
            core, {"metadata": {"name": "e"}, "involvedObject": {"namespace": namespace}, "message": "m"}
        ).ok()
        seen = next(events)
    assert (seen["type"], seen["object"]["apiVersion"], seen["object"]["note"]) == ("ADDED", "events.k8s.io/v1", "m")


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"eventTime": None}, "eventTime"),
        ({"reportingController": ""}, "reportingController"),
        ({"reportingInstance": ""}, "reportingInstance"),
        ({"action": ""}, "action"),
        ({"reason": ""}, "reason"),
        ({"type": "Strange"}, "type"),
        ({"note": "x" * 1025}, "message: Invalid value"),
    ],
    ids=["time", "controller", "instance", "action", "reason", "type", "note"],
)
def test_an_event_that_says_too_little_or_too_much(
    client: KubeClient, namespace: str, more: dict[str, Any], field: str
) -> None:
    answer = client.create(places(namespace)[0], new_event(namespace, **more))
    assert answer.code == 422
    assert field in answer.message
