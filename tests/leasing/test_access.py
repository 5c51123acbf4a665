"""Selectors and access policies."""

from __future__ import annotations

import pytest

from jumplab_operator.leasing.model.policy_rules import Grant, TooLong, best_grant
from jumplab_operator.leasing.model.selectors import describe, matches
from jumplab_operator.resources import ExporterAccessPolicy, LabelSelector, Policy, Requirement
from tests.leasing.worlds import minutes, policy, rule

KERNEL = {"team": "kernel"}


def granted(*rules: Policy, asking: dict[str, str] = KERNEL, length: int | None = 10) -> object:
    made = policy("p", *rules).policy
    return best_grant([made], {"board": "imx8"}, asking, None if length is None else minutes(length))


def test_without_a_policy_everyone_may() -> None:
    assert best_grant([], {}, {}, minutes(99)) == Grant()


def test_an_empty_client_selector_is_everyone_and_an_empty_from_nobody() -> None:
    assert granted(rule()) == Grant()
    assert granted(Policy()) is None


def test_the_highest_priority_that_fits_the_duration_wins() -> None:
    long, short = rule(priority=1), rule(priority=9, maximum_duration=minutes(5))
    assert granted(long, short) == Grant(1)
    assert granted(long, short, length=5) == Grant(9, False, minutes(5))
    assert granted(short) == TooLong(minutes(5))


def test_a_policy_that_cannot_be_read_grants_nothing() -> None:
    crooked = LabelSelector(match_expressions=[Requirement(key="a", operator="Near")])
    made = policy("p", rule(), exporters=crooked).policy
    assert best_grant([made], {}, {}, None) is None
    assert best_grant([None], {}, {}, None) is None
    assert best_grant([None, ExporterAccessPolicy(spec=policy("p", rule()).policy.spec)], {}, {}, None) == Grant()  # type: ignore[union-attr]  # it is there


@pytest.mark.parametrize(
    ("operator", "values", "labels", "holds"),
    [
        ("In", ["b", "c"], {"a": "b"}, True),
        ("In", ["b"], {}, False),
        ("NotIn", ["b"], {"a": "b"}, False),
        ("NotIn", ["b"], {}, True),
        ("Exists", [], {"a": ""}, True),
        ("Exists", [], {}, False),
        ("DoesNotExist", [], {}, True),
        ("DoesNotExist", [], {"a": "b"}, False),
        ("Near", [], {"a": "b"}, False),
    ],
)
def test_requirements_mean_what_they_mean_in_kubernetes(
    operator: str, values: list[str], labels: dict[str, str], holds: bool
) -> None:
    selector = LabelSelector(match_expressions=[Requirement(key="a", operator=operator, values=values)])
    assert matches(selector, labels) is holds


def test_a_selector_is_told_as_kubectl_takes_it() -> None:
    requirements = [
        Requirement(key="rev", operator="In", values=["a", "b"]),
        Requirement(key="x", operator="DoesNotExist"),
    ]
    selector = LabelSelector(match_labels={"board": "imx8"}, match_expressions=requirements)
    assert describe(selector) == "board=imx8,rev in (a,b),!x"
