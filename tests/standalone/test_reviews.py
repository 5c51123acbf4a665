"""Who asks, and what may be done: reviews of tokens and rights, tokens on request, and what is refused to whom."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.kube.client import KubeClient
from tests.kube.servers import KubeApi
from tests.kube.waiting import eventually
from tests.standalone.widgets import GROUP

AUTHENTICATION, AUTHORIZATION = "/apis/authentication.k8s.io/v1", "/apis/authorization.k8s.io/v1"


@pytest.fixture
def account(client: KubeClient, namespace: str) -> str:
    """Where the test's service account is."""
    accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    client.create(accounts, {"metadata": {"name": "robot"}}).ok()
    return f"{accounts}/robot"


@pytest.fixture
def robot(kube_api: KubeApi, client: KubeClient, account: str) -> Iterator[KubeClient]:
    """A client with the service account's token."""
    robot = KubeClient(kube_api.url, kube_api.ca, token_of(client, account))
    yield robot
    robot.close()


def token_of(client: KubeClient, account: str, **spec: Any) -> str:
    return str(client.create(f"{account}/token", {"spec": spec}).ok()["status"]["token"])


def review(client: KubeClient, token: str, **spec: Any) -> Any:
    return client.create(f"{AUTHENTICATION}/tokenreviews", {"spec": {"token": token, **spec}}).ok()["status"]


def claims(token: str) -> Any:
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_a_token_is_made_on_request(client: KubeClient, account: str, namespace: str) -> None:
    answer = client.create(f"{account}/token", {"spec": {"expirationSeconds": 1200, "audiences": ["router"]}})
    assert answer.code == 201
    assert (answer.body["kind"], answer.body["apiVersion"]) == ("TokenRequest", "authentication.k8s.io/v1")
    assert answer.body["spec"]["expirationSeconds"] == 1200
    said = claims(answer.body["status"]["token"])
    assert said["sub"] == f"system:serviceaccount:{namespace}:robot"
    assert said["aud"] == ["router"]
    assert said["exp"] - said["iat"] == 1200
    assert said["kubernetes.io"]["serviceaccount"]["name"] == "robot"


def test_a_token_is_good_for_an_hour_unless_told_otherwise(client: KubeClient, account: str) -> None:
    assert client.create(f"{account}/token", {}).ok()["spec"]["expirationSeconds"] == 3600


@pytest.mark.parametrize(
    ("seconds", "rule"),
    [(599, "may not specify a duration less than 10 minutes"), (2**32 + 1, "may not specify a duration larger than")],
)
def test_a_token_for_too_short_or_too_long(client: KubeClient, account: str, seconds: int, rule: str) -> None:
    answer = client.create(f"{account}/token", {"spec": {"expirationSeconds": seconds}})
    assert answer.code == 422
    (cause,) = answer.body["details"]["causes"]
    assert cause["field"] == "spec.expirationSeconds"
    assert rule in cause["message"]


def test_a_token_of_an_account_that_is_not_there(client: KubeClient, namespace: str) -> None:
    answer = client.create(f"/api/v1/namespaces/{namespace}/serviceaccounts/nobody/token", {"spec": {}})
    assert (answer.code, answer.message) == (404, 'serviceaccounts "nobody" not found')


def test_a_review_tells_whom_a_token_proves(client: KubeClient, account: str, namespace: str) -> None:
    made = client.get(account).ok()
    status = review(client, token_of(client, account))
    assert status["authenticated"] is True
    assert status["user"]["username"] == f"system:serviceaccount:{namespace}:robot"
    assert status["user"]["uid"] == made["metadata"]["uid"]
    everybody = {"system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"}
    assert set(status["user"]["groups"]) == everybody


def test_a_review_of_the_administrators_token(client: KubeClient, kube_api: KubeApi) -> None:
    status = review(client, kube_api.token)
    assert (status["authenticated"], status["user"]["username"]) == (True, "admin")
    assert "system:masters" in status["user"]["groups"]


def test_a_token_for_others_proves_nothing_here(client: KubeClient, kube_api: KubeApi, account: str) -> None:
    token = token_of(client, account, audiences=["router"])
    assert not review(client, token).get("authenticated")
    status = review(client, token, audiences=["router", "other"])
    assert (status["authenticated"], status["audiences"]) == (True, ["router"])
    stranger = KubeClient(kube_api.url, kube_api.ca, token)
    assert stranger.get("/api").code == 401
    stranger.close()


@pytest.mark.parametrize("token", ["nonsense", "a.b.c", "ey" * 40])
def test_a_review_of_a_token_that_proves_nobody(client: KubeClient, token: str) -> None:
    status = review(client, token)
    assert not status.get("authenticated")
    assert not status["user"].get("username")


def test_a_review_without_a_token(client: KubeClient) -> None:
    answer = client.create(f"{AUTHENTICATION}/tokenreviews", {"spec": {}})
    assert (answer.code, answer.message) == (400, "token is required for TokenReview in authentication")


def test_a_token_ends_with_its_account(client: KubeClient, robot: KubeClient, account: str) -> None:
    assert robot.get("/api").code == 200
    client.delete(account).ok()
    client.create(account.rpartition("/")[0], {"metadata": {"name": "robot"}}).ok()
    eventually(lambda: robot.get("/api").code == 401, "the token of the account that went is refused")


def test_an_account_may_look_around_and_no_more(robot: KubeClient, namespace: str, path: str) -> None:
    assert robot.get("/api/v1").code == 200
    assert robot.get("/version").code == 200
    user = f'User "system:serviceaccount:{namespace}:robot"'
    answer = robot.get(f"/api/v1/namespaces/{namespace}/secrets/s")
    assert answer.code == 403
    assert answer.body["reason"] == "Forbidden"
    assert answer.message == (
        f'secrets "s" is forbidden: {user} cannot get resource "secrets" in API group "" in the namespace "{namespace}"'
    )
    assert answer.body["details"] == {"name": "s", "kind": "secrets"}
    answer = robot.create(path, {})
    assert answer.message == (
        f'widgets.{GROUP} is forbidden: {user} cannot create resource "widgets" in API group "{GROUP}" '
        f'in the namespace "{namespace}"'
    )
    assert answer.body["details"] == {"group": GROUP, "kind": "widgets"}
    answer = robot.patch(f"{path}/a/status", {})
    assert f'cannot patch resource "widgets/status" in API group "{GROUP}"' in answer.message
    answer = robot.get("/api/v1/namespaces")
    assert answer.message == (
        f'namespaces is forbidden: {user} cannot list resource "namespaces" in API group "" at the cluster scope'
    )
    for method in ("PUT", "PATCH", "DELETE"):
        assert robot.request(method, f"{path}/a", {}, media_type="application/merge-patch+json").code == 403
    assert robot.delete(path).code == 403
    assert robot.get(f"{path}?watch=true").code == 403


def access(client: KubeClient, kind: str, **spec: Any) -> Any:
    return client.create(f"{AUTHORIZATION}/{kind}", {"spec": spec}).ok()["status"]["allowed"]


def test_a_user_asks_what_it_may_do(client: KubeClient, robot: KubeClient, namespace: str) -> None:
    what = {"verb": "create", "resource": "secrets", "namespace": namespace}
    assert access(client, "selfsubjectaccessreviews", resourceAttributes=what) is True
    assert access(robot, "selfsubjectaccessreviews", resourceAttributes=what) is False
    assert access(robot, "selfsubjectaccessreviews", nonResourceAttributes={"verb": "get", "path": "/api"}) is True
    assert access(robot, "selfsubjectaccessreviews", nonResourceAttributes={"verb": "put", "path": "/api"}) is False


def test_an_administrator_asks_what_others_may_do(client: KubeClient, robot: KubeClient, namespace: str) -> None:
    what = {"verb": "get", "resource": "secrets", "namespace": namespace}
    assert access(client, "subjectaccessreviews", user="jane", resourceAttributes=what) is False
    assert access(client, "subjectaccessreviews", groups=["system:masters"], resourceAttributes=what) is True
    local = f"{AUTHORIZATION}/namespaces/{namespace}/localsubjectaccessreviews"
    asked = {"spec": {"user": "jane", "resourceAttributes": what}}
    assert client.create(local, {**asked, "metadata": {"namespace": namespace}}).ok()["status"]["allowed"] is False
    assert robot.create(f"{AUTHORIZATION}/subjectaccessreviews", asked).code == 403


@pytest.mark.parametrize(
    ("spec", "refusal"),
    [
        ({}, "exactly one of nonResourceAttributes or resourceAttributes must be specified"),
        (
            {"resourceAttributes": {"verb": "get"}, "nonResourceAttributes": {"verb": "get", "path": "/"}},
            "cannot be specified in combination with resourceAttributes",
        ),
    ],
    ids=["neither", "both"],
)
def test_a_review_that_asks_nothing_or_too_much(client: KubeClient, spec: dict[str, Any], refusal: str) -> None:
    answer = client.create(f"{AUTHORIZATION}/selfsubjectaccessreviews", {"spec": spec})
    assert answer.code == 422
    assert refusal in answer.message


def test_all_that_a_user_may_do(client: KubeClient, robot: KubeClient) -> None:
    rules = f"{AUTHORIZATION}/selfsubjectrulesreviews"
    everything = client.create(rules, {"spec": {"namespace": "default"}}).ok()["status"]
    assert any("*" in rule["verbs"] and "*" in rule["resources"] for rule in everything["resourceRules"])
    little = robot.create(rules, {"spec": {"namespace": "default"}}).ok()["status"]
    assert not any("*" in rule["resources"] for rule in little["resourceRules"])
    assert any("/api" in rule["nonResourceURLs"] for rule in little["nonResourceRules"])


def test_reviews_are_made_and_never_kept(client: KubeClient) -> None:
    for path in (f"{AUTHORIZATION}/selfsubjectaccessreviews", f"{AUTHENTICATION}/tokenreviews"):
        assert client.get(path).code == 405
        assert client.delete(path).code == 405
        assert client.get(f"{path}/x").code in (404, 405)
