"""A dry run answers as the request would, and changes nothing: whatever the verb, and wherever it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.kube.client import JSON_PATCH, Answer, KubeClient
from tests.standalone.conftest import CRDS
from tests.standalone.test_deletion import held
from tests.standalone.widgets import GROUP, widget

DRY_RUN = {"kind": "DeleteOptions", "apiVersion": "v1", "dryRun": ["All"]}
REVIEW = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
          "spec": {"resourceAttributes": {"verb": "get", "resource": "secrets"}}}  # fmt: skip
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


def refusal(options: str, *values: str) -> str:
    listed = ", ".join(f'"{value}"' for value in values)
    return (
        f'{options}.meta.k8s.io "" is invalid: dryRun: Unsupported value: []string{{{listed}}}: supported values: "All"'
    )


def test_nothing_is_deleted(client: KubeClient, path: str, secrets: str) -> None:
    client.create(secrets, {"metadata": {"name": "a"}}).ok()
    for kept in (client.create(path, widget()).ok(), client.create(path, held("b")).ok()):
        answer = client.delete(f"{path}/{kept['metadata']['name']}", DRY_RUN)
        assert answer.code == 200
        assert client.get(f"{path}/{kept['metadata']['name']}").ok() == kept
    assert client.delete(f"{secrets}/a", {"dryRun": ["All", "All"]}).ok()["status"] == "Success"
    assert client.get(f"{secrets}/a").code == 200


def test_no_collection_is_deleted(client: KubeClient, path: str) -> None:
    for name in ("a", "b"):
        client.create(path, widget(name)).ok()
    for answer in (client.delete(path, DRY_RUN), client.delete(f"{path}?dryRun=All")):
        assert [item["metadata"]["name"] for item in answer.ok()["items"]] == ["a", "b"]
    assert len(client.get(path).ok()["items"]) == 2


@pytest.mark.parametrize("asked", ["body", "query"])
def test_no_namespace_is_deleted(client: KubeClient, namespace: str, path: str, asked: str) -> None:
    client.create(path, widget()).ok()
    before = client.get(f"/api/v1/namespaces/{namespace}").ok()
    address, options = f"/api/v1/namespaces/{namespace}", DRY_RUN
    answer = client.delete(address, options) if asked == "body" else client.delete(f"{address}?dryRun=All")
    assert answer.ok()["status"]["phase"] == "Terminating"
    assert client.get(address).ok() == before
    assert client.create(path, widget("b")).code == 201
    assert client.get(f"{path}/a").code == 200


def test_no_definition_is_deleted(client: KubeClient, path: str) -> None:
    kept = client.create(path, widget()).ok()
    before = client.get(f"{CRDS}/widgets.{GROUP}").ok()
    assert client.delete(f"{CRDS}/widgets.{GROUP}", DRY_RUN).code == 200
    assert client.get(f"{CRDS}/widgets.{GROUP}").ok() == before
    assert client.get(f"{path}/a").ok() == kept


def test_nothing_is_made_or_changed(client: KubeClient, namespace: str, path: str) -> None:
    assert client.create(f"{path}?dryRun=All&dryRun=All", widget()).code == 201
    assert client.get(f"{path}/a").code == 404
    kept = client.create(path, widget()).ok()
    assert client.update(f"{path}/a?dryRun=All", {**kept, "spec": {"size": 7}}).ok()["spec"]["size"] == 7
    assert client.patch(f"{path}/a?dryRun=All", {"spec": {"size": 7}}).ok()["spec"]["size"] == 7
    operations = [{"op": "replace", "path": "/spec/size", "value": 7}]
    assert client.patch(f"{path}/a?dryRun=All", operations, JSON_PATCH).ok()["spec"]["size"] == 7
    status = {"status": {"phase": "x"}}
    assert client.patch(f"{path}/a/status?dryRun=All", status).ok()["status"] == {"phase": "x"}
    assert client.update(f"{path}/a/status?dryRun=All", {**kept, **status}).ok()["status"] == {"phase": "x"}
    assert client.get(f"{path}/a").ok() == kept
    before = client.get(f"/api/v1/namespaces/{namespace}").ok()
    finalized = {"metadata": {"name": namespace}, "spec": {"finalizers": []}}
    assert client.update(f"/api/v1/namespaces/{namespace}/finalize?dryRun=All", finalized).code == 200
    assert client.get(f"/api/v1/namespaces/{namespace}").ok() == before


def test_the_last_finalizer_of_a_deleted_object_stays(client: KubeClient, path: str) -> None:
    client.create(path, held()).ok()
    marked = client.delete(f"{path}/a").ok()
    assert client.patch(f"{path}/a?dryRun=All", {"metadata": {"finalizers": None}}).code == 200
    assert client.get(f"{path}/a").ok() == marked


WRITES: dict[str, Callable[[KubeClient, str, str, str], Answer]] = {
    "CreateOptions": lambda client, query, path, _: client.create(path + query, widget("b")),
    "CreateOptions of a review": lambda client, query, *_: client.create(REVIEWS + query, REVIEW),
    "CreateOptions of a token": lambda client, query, _, namespace: client.create(
        f"/api/v1/namespaces/{namespace}/serviceaccounts/default/token{query}", {"spec": {}}
    ),
    "UpdateOptions": lambda client, query, path, _: client.update(f"{path}/a{query}", widget()),
    "UpdateOptions of a status": lambda client, query, path, _: client.update(f"{path}/a/status{query}", widget()),
    "PatchOptions": lambda client, query, path, _: client.patch(f"{path}/a{query}", {"spec": {"size": 7}}),
    "DeleteOptions": lambda client, query, path, _: client.delete(f"{path}/a{query}"),
    "DeleteOptions of a collection": lambda client, query, path, _: client.delete(f"{path}{query}"),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("values", [("x",), ("",), ("All", "x"), ("all",)], ids=str)
def test_another_value_is_refused(
    client: KubeClient, namespace: str, path: str, write: str, values: tuple[str, ...]
) -> None:
    kept = client.create(path, widget()).ok()
    answer = WRITES[write](client, "?" + "&".join(f"dryRun={value}" for value in values), path, namespace)
    assert (answer.code, answer.message) == (422, refusal(write.partition(" ")[0], *values))
    assert answer.body["details"]["causes"][0]["field"] == "dryRun"
    assert client.get(path).ok()["items"] == [{**kept}]


@pytest.mark.parametrize("values", [["x"], [""], ["All", "x"]], ids=str)
@pytest.mark.parametrize("of", ["", "/a"], ids=["collection", "object"])
def test_another_value_in_the_body_is_refused(client: KubeClient, path: str, of: str, values: list[str]) -> None:
    client.create(path, widget()).ok()
    answer = client.delete(path + of, {"dryRun": values})
    assert (answer.code, answer.message) == (422, refusal("DeleteOptions", *values))
    assert client.get(f"{path}/a").code == 200


def test_the_query_does_not_count_where_there_is_a_body(client: KubeClient, path: str) -> None:
    client.create(path, widget()).ok()
    assert client.delete(f"{path}/a?dryRun=x&propagationPolicy=x", DRY_RUN).code == 200
    assert client.get(f"{path}/a").code == 200
    assert client.delete(f"{path}/a?dryRun=All", {"kind": "DeleteOptions", "apiVersion": "v1"}).code == 200
    assert client.get(f"{path}/a").code == 404


WRONG_TYPES: list[Any] = [
    {"dryRun": "All"}, {"dryRun": {}}, {"dryRun": [1]}, {"gracePeriodSeconds": "x"}, {"gracePeriodSeconds": 1.5},
    {"gracePeriodSeconds": 2**70}, {"propagationPolicy": 5}, {"orphanDependents": "x"}, {"preconditions": 5},
    {"preconditions": {"uid": 5}}, {"preconditions": {"resourceVersion": 5}}, {"kind": "Widget"}, [], "x", 5, b"{",
    b'{"gracePeriodSeconds": NaN}',
]  # fmt: skip


@pytest.mark.parametrize("options", WRONG_TYPES, ids=str)
@pytest.mark.parametrize("of", ["", "/a"], ids=["collection", "object"])
def test_options_of_the_wrong_type(client: KubeClient, path: str, of: str, options: Any) -> None:
    client.create(path, widget()).ok()
    assert client.delete(path + of, options).code in (400, 500)  # kube-apiserver 1.20 blames itself
    assert client.get(f"{path}/a").code == 200


def test_our_refusal_of_the_wrong_type_names_the_field(ours: KubeClient) -> None:
    answer = ours.delete("/api/v1/namespaces/default/configmaps/a", {"dryRun": "All"})
    assert (answer.code, answer.body["reason"]) == (400, "BadRequest")
    assert answer.message == (
        'DeleteOptions in version "v1" cannot be handled as a DeleteOptions: dryRun: Invalid value: "string": dryRun '
        'in body must be of type array: "string"'
    )


def test_a_policy_that_is_none(client: KubeClient, path: str) -> None:
    client.create(path, widget()).ok()
    supported = 'supported values: "Foreground", "Background", "Orphan", "nil"'
    for answer in (
        client.delete(f"{path}/a", {"propagationPolicy": "x"}),
        client.delete(f"{path}/a?propagationPolicy=x"),
        client.delete(path, {"propagationPolicy": "x"}),
    ):
        assert answer.code == 422
        rule = f'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "x": {supported}'
        assert answer.message == rule
    answer = client.delete(f"{path}/a", {"propagationPolicy": "Background", "orphanDependents": False})
    assert answer.code == 422
    assert answer.message.endswith("orphanDependents and deletionPropagation cannot be both set")
    assert client.delete(f"{path}/a?gracePeriodSeconds=x").code == 400
    assert client.get(f"{path}/a").code == 200
    assert client.delete(f"{path}/a", {"gracePeriodSeconds": 30, "propagationPolicy": "Background"}).code == 200
    assert client.get(f"{path}/a").code == 404


def test_preconditions_hold_for_each_of_a_collection(client: KubeClient, path: str) -> None:
    made = client.create(path, widget()).ok()["metadata"]
    for field in ("uid", "resourceVersion"):
        for value in ("", "1"):
            for of in ("", "/a"):
                answer = client.delete(path + of, {"preconditions": {field: value}})
                assert (answer.code, answer.body["reason"]) == (409, "Conflict")
                assert f"precondition ({value})" in answer.message
    assert client.delete(path, {"preconditions": {"uid": made["uid"]}}).code == 200
    assert client.get(path).ok()["items"] == []


@pytest.mark.parametrize("name", ["default", "kube-system", "kube-public"])
def test_some_namespaces_stay(client: KubeClient, name: str) -> None:
    client.create("/api/v1/namespaces", {"metadata": {"name": name}})
    for options in (None, DRY_RUN):
        answer = client.delete(f"/api/v1/namespaces/{name}", options)
        assert answer.code == 403
        assert answer.message == f'namespaces "{name}" is forbidden: this namespace may not be deleted'
        assert answer.body["details"] == {"name": name, "kind": "namespaces"}
    assert "deletionTimestamp" not in client.get(f"/api/v1/namespaces/{name}").ok()["metadata"]


def test_an_owner_that_is_gone_takes_no_protected_namespace_along(client: KubeClient) -> None:
    owner = {"apiVersion": "v1", "kind": "Namespace", "name": "gone", "uid": "no-such-uid"}
    client.patch("/api/v1/namespaces/default", {"metadata": {"ownerReferences": [owner]}}).ok()
    name = "after-it"
    client.create("/api/v1/namespaces", {"metadata": {"name": name}}).ok()  # what was asked for before is done
    assert "deletionTimestamp" not in client.get("/api/v1/namespaces/default").ok()["metadata"]
    client.patch("/api/v1/namespaces/default", {"metadata": {"ownerReferences": None}}).ok()
    client.delete(f"/api/v1/namespaces/{name}").ok()
