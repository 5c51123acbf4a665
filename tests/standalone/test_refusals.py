"""Requests that can't be: each gets a Status that says why, and nothing is half done."""

from __future__ import annotations

import pytest

from tests.kube.client import KubeClient
from tests.kube.servers import KubeApi
from tests.standalone.widgets import GROUP, widget


def test_nobody_without_a_token(kube_api: KubeApi, client: KubeClient) -> None:
    for token in ("wrong", kube_api.token[:-1]):
        stranger = KubeClient(kube_api.url, kube_api.ca, token)
        answer = stranger.get("/api/v1/namespaces/default/secrets")
        assert answer.code == 401
        assert answer.body["kind"] == "Status"
        assert (answer.body["reason"], answer.message) == ("Unauthorized", "Unauthorized")
        stranger.close()


NOT_SERVED = ["/apis/nothing.example.com/v1/things", f"/apis/{GROUP}/v9/widgets", f"/apis/{GROUP}/v1/x"]


@pytest.mark.parametrize("path", NOT_SERVED)
def test_an_address_that_is_not_served(client: KubeClient, path: str) -> None:
    assert client.get(path).code == 404


def test_a_method_that_makes_no_sense(client: KubeClient, path: str, secrets: str) -> None:
    answer = client.create(f"{secrets}/a", {})
    assert answer.code == 405
    assert answer.body["reason"] == "MethodNotAllowed"
    assert answer.message == "the server does not allow this method on the requested resource"
    answer = client.update(path, widget())
    assert (answer.code, answer.message) == (400, "name must be provided")


@pytest.mark.parametrize("body", [b"{", b"[]", b'"text"', b"", b"\xff\xfe", b'{"metadata": []}'])
def test_a_body_that_is_no_object(client: KubeClient, path: str, body: bytes) -> None:
    answer = client.create(path, body)
    assert answer.code == 400
    assert answer.body["reason"] == "BadRequest"


@pytest.mark.parametrize(
    "metadata",
    [{"labels": {"a": 1}}, {"labels": "x"}, {"finalizers": "x"}, {"name": 1}, {"annotations": {"a": {}}}],
    ids=str,
)
def test_metadata_of_the_wrong_type(client: KubeClient, path: str, metadata: dict[str, object]) -> None:
    sent = widget()
    sent["metadata"] |= metadata
    assert client.create(path, sent).code in (400, 500)  # kube-apiserver 1.20 blames itself
    assert client.get(path).ok()["items"] == []


def test_a_body_over_the_limit(client: KubeClient, path: str) -> None:
    sent = widget(open={"text": "x" * (3 * 1024 * 1024)})
    answer = client.create(path, sent)
    assert answer.code == 413
    assert answer.body["reason"] == "RequestEntityTooLarge"
    assert client.get(path).ok()["items"] == []


def test_a_body_of_an_unknown_type(client: KubeClient, path: str) -> None:
    answer = client.request("POST", path, b"x", media_type="text/plain")
    assert answer.code == 415
    assert answer.body["reason"] == "UnsupportedMediaType"


def test_an_answer_that_cannot_be_given(client: KubeClient, path: str) -> None:
    answer = client.get(path, accept="image/png")
    assert answer.code == 406
    assert answer.body["reason"] == "NotAcceptable"


def test_protobuf_falls_back_to_json_where_the_client_reads_it(client: KubeClient, path: str) -> None:
    assert client.get(path, accept="application/vnd.example,application/json").ok()["kind"] == "WidgetList"


def test_a_version_on_a_new_object(client: KubeClient, path: str) -> None:
    sent = widget()
    sent["metadata"]["resourceVersion"] = "5"
    answer = client.create(path, sent)
    assert answer.code == 500
    assert answer.message == "resourceVersion should not be set on objects to be created"
