"""Structural schemas: what is refused and in which words, what is dropped, what is filled in."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jumplab_operator.standalone.objects import validation
from tests.kube.client import KubeClient
from tests.standalone.widgets import GROUP, widget


def wrong(field: str, value: str, rule: str) -> str:
    """How a field's refusal reads; the value is quoted where it is a text."""
    return f"{field}: Invalid value: {value}: {field} in body {rule}"


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"size": "big"}, wrong("spec.size", '"string"', 'must be of type integer: "string"')),
    ({"size": 2.5}, wrong("spec.size", '"number"', 'must be of type integer: "number"')),
    ({"size": 0}, wrong("spec.size", "0", "should be greater than or equal to 1")),
    ({"size": 11}, wrong("spec.size", "11", "should be less than or equal to 10")),
    ({"ratio": 0}, wrong("spec.ratio", "0", "should be greater than 0")),
    ({"colour": "blue"}, 'spec.colour: Unsupported value: "blue": supported values: "red", "green"'),
    ({"code": "A1"}, wrong("spec.code", '"A1"', "should match '^[a-z]+$'")),
    ({"code": "ab\n"}, wrong("spec.code", r'"ab\n"', "should match '^[a-z]+$'")),
    ({"code": "abcdef"}, wrong("spec.code", '"abcdef"', "should be at most 5 chars long")),
    ({"code": "a"}, wrong("spec.code", '"a"', "should be at least 2 chars long")),
    ({"tags": ["a", "b", "c"]}, wrong("spec.tags", "3", "should have at most 2 items")),
    ({"tags": "a"}, wrong("spec.tags", '"string"', 'must be of type array: "string"')),
    ({"tags": ["a", 1]}, wrong("spec.tags[1]", '"integer"', 'must be of type string: "integer"')),
    ({"enabled": "yes"}, wrong("spec.enabled", '"string"', 'must be of type boolean: "string"')),
    ({"labels": {"a": "long"}}, wrong("spec.labels.a", '"long"', "should be at most 3 chars long")),
    ({"labels": {"a": "1", "b": "2", "c": "3"}}, wrong("spec.labels", "2", "should have at most 2 properties")),
    ({"parts": [{"name": "a"}, {}]}, "spec.parts[1].name: Required value"),
    ({"port": True}, wrong("spec.port", '"boolean"', 'must be of type integer,string: "boolean"')),
    ({"when": "noon"}, wrong("spec.when", '"noon"', 'must be of type date-time: "noon"')),
    ({"open": 1}, wrong("spec.open", '"integer"', 'must be of type object: "integer"')),
]


def same(client: KubeClient, told: str, wanted: str) -> bool:
    """Whether that was told; kube-apiserver names an item of a list by its index only since 1.21."""
    minor = int(re.sub(r"\D", "", client.get("/version").ok()["minor"]))
    return told == (wanted if minor > 20 else re.sub(r"\[\d\]", "", wanted))


@pytest.mark.parametrize(("spec", "cause"), REFUSED, ids=[cause.split(" in body")[-1][:50] for _, cause in REFUSED])
def test_a_refusal_names_the_field(client: KubeClient, path: str, spec: dict[str, Any], cause: str) -> None:
    answer = client.create(path, widget(**spec))
    assert answer.code == 422
    assert answer.body["reason"] == "Invalid"
    assert same(client, answer.message, f'Widget.{GROUP} "a" is invalid: {cause}')
    field, _, message = cause.partition(": ")
    (told,) = answer.body["details"]["causes"]
    assert same(client, told["field"], field)
    assert same(client, told["message"], message)
    assert client.get(f"{path}/a").code == 404


def test_all_that_is_wrong_is_told_at_once(client: KubeClient, path: str) -> None:
    answer = client.create(path, widget(size=0, code="A"))
    assert answer.code == 422
    assert {cause["field"] for cause in answer.body["details"]["causes"]} == {"spec.size", "spec.code"}
    assert answer.message.startswith(f'Widget.{GROUP} "a" is invalid: [')
    assert answer.body["details"]["name"] == "a"
    assert (answer.body["details"]["group"], answer.body["details"]["kind"]) == (GROUP, "Widget")


def test_a_required_field_is_named(client: KubeClient, path: str) -> None:
    sent = widget()
    del sent["spec"]["size"]
    answer = client.create(path, sent)
    assert answer.message == f'Widget.{GROUP} "a" is invalid: spec.size: Required value'
    assert answer.body["details"]["causes"][0]["reason"] == "FieldValueRequired"


def test_an_update_and_a_status_are_validated_too(client: KubeClient, path: str) -> None:
    client.create(path, widget()).ok()
    assert client.patch(f"{path}/a", {"spec": {"size": 99}}).code == 422
    answer = client.patch(f"{path}/a/status", {"status": {"conditions": [{"type": "Ready"}]}})
    assert answer.code == 422
    wanted = f'Widget.{GROUP} "a" is invalid: status.conditions[0].status: Required value'
    assert same(client, answer.message, wanted)
    assert client.get(f"{path}/a").ok()["spec"]["size"] == 3


def test_unknown_fields_are_dropped_at_every_depth(client: KubeClient, path: str) -> None:
    sent = widget(unknown=1, parts=[{"name": "p", "odd": 1}], open={"kept": {"deep": 1}}, labels={"a": "x"})
    sent["odd"] = 1
    made = client.create(path, sent).ok()
    assert "odd" not in made
    assert "unknown" not in made["spec"]
    assert made["spec"]["parts"] == [{"name": "p", "count": 1}]
    assert made["spec"]["open"] == {"kept": {"deep": 1}}
    assert made["spec"]["labels"] == {"a": "x"}


def test_defaults_are_filled_in(client: KubeClient, path: str) -> None:
    made = client.create(path, widget(parts=[{"name": "p"}, {"name": "q", "count": 2}])).ok()
    assert made["spec"]["colour"] == "red"
    assert made["spec"]["enabled"] is True
    assert [part["count"] for part in made["spec"]["parts"]] == [1, 2]


def test_a_null_is_an_absent_field_unless_it_may_be_null(client: KubeClient, path: str) -> None:
    made = client.create(path, widget(maybe=None, code=None, colour=None)).ok()
    assert made["spec"]["maybe"] is None
    assert "code" not in made["spec"]
    assert made["spec"]["colour"] == "red"


def test_an_integer_or_a_string(client: KubeClient, path: str) -> None:
    assert client.create(path, widget("a", port=80)).ok()["spec"]["port"] == 80
    assert client.create(path, widget("b", port="http")).ok()["spec"]["port"] == "http"


NAMES = ["A", "a_b", "-a", "a/b", "a" * 254]


@pytest.mark.parametrize("name", NAMES, ids=[name[:6] for name in NAMES])
def test_a_name_that_cannot_be(client: KubeClient, path: str, name: str) -> None:
    answer = client.create(path, widget(name))
    assert answer.code == 422
    assert {cause["field"] for cause in answer.body["details"]["causes"]} == {"metadata.name"}


def test_the_rule_of_names_is_told(client: KubeClient, path: str) -> None:
    rule = (
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
        "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
        r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
    )
    answer = client.create(path, widget("A_"))
    assert answer.message == f'Widget.{GROUP} "A_" is invalid: metadata.name: Invalid value: "A_": {rule}'


def test_no_name_at_all(client: KubeClient, path: str) -> None:
    sent = widget()
    sent["metadata"] = {}
    answer = client.create(path, sent)
    assert answer.code == 422
    assert answer.message.endswith("metadata.name: Required value: name or generateName is required")


@pytest.mark.parametrize("labels", [{"a b": "c"}, {"a": "b c"}, {"a": "x" * 64}, {"A/b": "c"}, {"x" * 64: "a"}])
def test_a_label_that_cannot_be(client: KubeClient, path: str, labels: dict[str, str]) -> None:
    sent = widget()
    sent["metadata"]["labels"] = labels
    answer = client.create(path, sent)
    assert answer.code == 422
    assert {cause["field"] for cause in answer.body["details"]["causes"]} == {"metadata.labels"}


def test_another_kind_or_version_than_the_address_says(client: KubeClient, path: str) -> None:
    answer = client.create(path, {**widget(), "apiVersion": f"{GROUP}/v9"})
    assert answer.code == 400
    answer = client.create(path, {**widget(), "kind": "Gadget"})
    assert answer.code == 422
    assert answer.message == f'Gadget.{GROUP} "a" is invalid: kind: Invalid value: "Gadget": must be Widget'


def test_a_namespace_other_than_the_address_says(client: KubeClient, path: str) -> None:
    sent = widget()
    sent["metadata"]["namespace"] = "elsewhere"
    answer = client.create(path, sent)
    assert answer.code == 400
    assert answer.message == "the namespace of the provided object does not match the namespace sent on the request"


def test_another_name_than_the_address_says(client: KubeClient, path: str) -> None:
    made = client.create(path, widget()).ok()
    made["metadata"]["name"] = "b"
    answer = client.update(f"{path}/a", made)
    assert answer.code == 400
    assert answer.message == "the name of the object (b) does not match the name on the URL (a)"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-2, 2) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
SCHEMAS = st.recursive(
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["string", "boolean", "integer", "number", "object", "array"]),
            "minimum": st.integers(-1, 1),
            "required": st.lists(st.sampled_from("abc"), max_size=1),
            "nullable": st.booleans(),
            "enum": st.lists(st.text("ab", max_size=1), min_size=1, max_size=2),
        },
    ),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["object", "array"]),
            "items": inner,
            "additionalProperties": inner | st.booleans(),
            "properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
        },
    ),
    max_leaves=4,
)


@given(VALUES, SCHEMAS)
def test_what_is_taken_at_a_glance_has_nothing_wrong_at_a_closer_look(value: Any, schema: dict[str, Any]) -> None:
    if validation._is_plainly_valid(value, schema):
        assert list(validation._check(value, schema, "")) == []
