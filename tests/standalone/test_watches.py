"""Watches: every change from a version on, in order, selected; bookmarks; the end of a history."""

from __future__ import annotations

import itertools
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from tests.kube.client import CRDS, KubeClient
from tests.kube.servers import KubeApi, StandaloneApi
from tests.kube.waiting import eventually
from tests.standalone import widgets
from tests.standalone.widgets import labelled, widget


def told(events: list[Any]) -> list[tuple[str, str]]:
    return [(event["type"], event["object"]["metadata"]["name"]) for event in events]


def version_of(client: KubeClient, path: str) -> str:
    return str(client.get(path).ok()["metadata"]["resourceVersion"])


def test_changes_come_in_order_from_a_version_on(client: KubeClient, path: str) -> None:
    client.create(path, widget("before")).ok()
    since = version_of(client, path)
    client.create(path, widget("a")).ok()
    with client.watch(f"{path}?watch=true&resourceVersion={since}") as events:
        client.patch(f"{path}/a", {"spec": {"size": 4}}).ok()
        client.patch(f"{path}/a/status", {"status": {"phase": "x"}}).ok()
        client.delete(f"{path}/a").ok()
        seen = list(islice(events, 4))
    assert told(seen) == [("ADDED", "a"), ("MODIFIED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]
    assert [event["object"]["spec"]["size"] for event in seen] == [3, 4, 4, 4]
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in seen]
    assert versions == sorted(set(versions))
    assert versions[0] > int(since)


@pytest.mark.parametrize("since", ["", "&resourceVersion=", "&resourceVersion=0"])
def test_a_watch_without_a_version_begins_with_what_exists(client: KubeClient, path: str, since: str) -> None:
    client.create(path, widget("a")).ok()
    client.create(path, widget("b")).ok()
    with client.watch(f"{path}?watch=true{since}") as events:
        assert sorted(told(list(islice(events, 2)))) == [("ADDED", "a"), ("ADDED", "b")]
        client.create(path, widget("c")).ok()
        assert told([next(events)]) == [("ADDED", "c")]


def test_a_watch_can_go_on_from_any_event(client: KubeClient, path: str) -> None:
    since = version_of(client, path)
    for name in ("a", "b", "c"):
        client.create(path, widget(name)).ok()
    with client.watch(f"{path}?watch=true&resourceVersion={since}") as events:
        second = list(islice(events, 2))[1]["object"]["metadata"]["resourceVersion"]
    with client.watch(f"{path}?watch=true&resourceVersion={second}") as events:
        assert told([next(events)]) == [("ADDED", "c")]


def test_a_watch_sees_its_namespace_and_resource_only(client: KubeClient, path: str, secrets: str) -> None:
    since = version_of(client, path)
    with client.watch(f"{path}?watch=true&resourceVersion={since}") as events:
        client.create(secrets, {"metadata": {"name": "s"}}).ok()
        client.create(path, widget("a")).ok()
        assert told([next(events)]) == [("ADDED", "a")]


def test_a_selecting_watch_sees_objects_come_and_go(client: KubeClient, path: str) -> None:
    since = version_of(client, path)
    client.create(path, labelled("a", board="qemu")).ok()
    client.create(path, labelled("b", board="rpi")).ok()
    client.patch(f"{path}/b", {"metadata": {"labels": {"board": "qemu"}}}).ok()
    client.patch(f"{path}/a", {"spec": {"size": 5}}).ok()
    left = client.patch(f"{path}/a", {"metadata": {"labels": {"board": "rpi"}}}).ok()
    client.patch(f"{path}/a", {"spec": {"size": 6}}).ok()
    client.delete(f"{path}/a").ok()
    client.delete(f"{path}/b").ok()
    with client.watch(f"{path}?watch=true&labelSelector=board%3Dqemu&resourceVersion={since}") as events:
        seen = list(islice(events, 5))
    wanted = [("ADDED", "a"), ("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "a"), ("DELETED", "b")]
    assert told(seen) == wanted
    assert seen[3]["object"]["metadata"]["labels"] == {"board": "qemu"}
    assert seen[3]["object"]["metadata"]["resourceVersion"] == left["metadata"]["resourceVersion"]


def test_one_object_is_watched_by_its_name(client: KubeClient, path: str) -> None:
    since = version_of(client, path)
    client.create(path, widget("a")).ok()
    client.create(path, widget("b")).ok()
    with client.watch(f"{path}?watch=true&fieldSelector=metadata.name%3Db&resourceVersion={since}") as events:
        assert told([next(events)]) == [("ADDED", "b")]


def test_a_watch_ends_when_its_time_is_over(client: KubeClient, path: str) -> None:
    with client.watch(f"{path}?watch=true&timeoutSeconds=1") as events:
        assert list(events) == []


def test_a_bookmark_comes_before_the_end(client: KubeClient, path: str) -> None:
    client.create(path, widget()).ok()
    since = version_of(client, path)
    query = f"watch=true&resourceVersion={since}&timeoutSeconds=4&allowWatchBookmarks=true"
    for attempt in range(5):  # the real one's come with a tick of its own, which a short watch can miss
        with client.watch(f"{path}?{query}") as events:
            client.create(path, widget(f"later-{attempt}")).ok()  # and begin with a change
            told = list(events)
        if told and told[-1]["type"] == "BOOKMARK":
            break
    *_, bookmark = told
    changes = list(itertools.takewhile(lambda event: event["type"] == "ADDED", told))
    assert {event["type"] for event in told[len(changes) :]} == {"BOOKMARK"}  # the real one may send two
    assert changes
    assert bookmark["object"]["kind"] == "Widget"
    assert int(bookmark["object"]["metadata"]["resourceVersion"]) >= int(since)
    assert "spec" not in bookmark["object"] or not bookmark["object"]["spec"]


def test_a_version_that_is_no_number(client: KubeClient, path: str) -> None:
    for query in ("watch=true&resourceVersion=abc", "watch=true&timeoutSeconds=soon"):
        answer = client.get(f"{path}?{query}")
        assert answer.code in (400, 500)  # kube-apiserver 1.20 blames itself for the version
        assert "invalid" in answer.message.lower()


@pytest.fixture(params=["standalone", "real"])
def forgetful(request: pytest.FixtureRequest, tmp_path: Path) -> KubeApi:
    """A server whose history is short (the real one never knew what was before its watch cache)."""
    if request.param == "standalone":
        api: KubeApi = request.getfixturevalue("forgetful_standalone")
        return api
    real: KubeApi = request.getfixturevalue("real_kube_api")
    return real


@pytest.fixture
def forgetful_standalone(tmp_path: Path) -> Any:
    with StandaloneApi(tmp_path, "--kept-changes", "20") as api:
        yield api


def test_a_watch_from_a_forgotten_version_is_told_so(forgetful: KubeApi) -> None:
    client = KubeClient(forgetful.url, forgetful.ca, forgetful.token)
    group = "forgotten.example.com"
    client.create(CRDS, widgets.crd("forgottens", group)).ok()
    path = f"/apis/{group}/v1/namespaces/default/forgottens"
    eventually(lambda: client.get(path).code == 200, "widgets are served")
    client.create(path, {**widget(), "apiVersion": f"{group}/v1", "kind": "Forgotten"}).ok()
    for number in range(40):
        client.patch(f"{path}/a", {"metadata": {"labels": {"n": str(number)}}}).ok()
    with client.watch(f"{path}?watch=true&resourceVersion=1") as events:
        (event,) = list(events)
    assert event["type"] == "ERROR"
    assert event["object"]["kind"] == "Status"
    assert event["object"]["code"] == 410
    assert event["object"]["reason"] == "Expired"
    assert event["object"]["message"].startswith("too old resource version: 1 (")
    since = version_of(client, path)
    with client.watch(f"{path}?watch=true&resourceVersion={since}") as events:
        client.delete(f"{path}/a").ok()
        assert told([next(events)]) == [("DELETED", "a")]
    client.close()
