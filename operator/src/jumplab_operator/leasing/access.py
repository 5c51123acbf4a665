"""Who may lease what: access policies.

Where a namespace has no policy object every client may lease every exporter. Where it has one, only what a rule
grants is permitted. A policy that can't be read grants nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from jumplab_operator.leasing import selectors
from jumplab_operator.resources import ExporterAccessPolicy, Policy


@dataclass(frozen=True, slots=True)
class Grant:
    """The right to lease an exporter, as the best rule gives it."""

    priority: int = 0
    spot_access: bool = False
    maximum_duration: timedelta | None = None


@dataclass(frozen=True, slots=True)
class TooLong:
    """A rule would grant it, if it were shorter."""

    maximum_duration: timedelta


def policy_problem(policy: ExporterAccessPolicy) -> str | None:
    """Why the policy can't be understood, in words; None when it can."""
    problem = selectors.selector_problem(policy.spec.exporter_selector)
    if problem:
        return f"exporterSelector: {problem}"
    for index, rule in enumerate(policy.spec.policies):
        for source in rule.from_:
            if problem := selectors.selector_problem(source.client_selector):
                return f"policies[{index}].from: {problem}"
    return None


def best_grant(
    policies: Iterable[ExporterAccessPolicy | None],
    exporter_labels: Mapping[str, str],
    client_labels: Mapping[str, str],
    duration: timedelta | None,
) -> Grant | TooLong | None:
    """The grant of highest priority that permits this client this exporter for so long; None: no access.

    None in `policies` is one that can't be read. `duration` None stands for one that bends to the rule's maximum.
    """
    known = list(policies)
    if not known:
        return Grant()
    rules = [rule for policy in known for rule in _rules_for(policy, exporter_labels, client_labels)]
    fitting = [rule for rule in rules if _permits(rule, duration)]
    if fitting:
        return max((_grant(rule) for rule in fitting), key=_rank)
    maxima = [rule.maximum_duration for rule in rules if rule.maximum_duration is not None]
    return TooLong(max(maxima)) if maxima else None


def _rules_for(
    policy: ExporterAccessPolicy | None, exporter_labels: Mapping[str, str], client_labels: Mapping[str, str]
) -> list[Policy]:
    if policy is None or policy_problem(policy):
        return []
    if not selectors.matches(policy.spec.exporter_selector, exporter_labels):
        return []
    return [
        rule
        for rule in policy.spec.policies
        if any(selectors.matches(source.client_selector, client_labels) for source in rule.from_)
    ]


def _permits(rule: Policy, duration: timedelta | None) -> bool:
    return duration is None or rule.maximum_duration is None or duration <= rule.maximum_duration


def _grant(rule: Policy) -> Grant:
    return Grant(rule.priority, rule.spot_access, rule.maximum_duration)


def _rank(grant: Grant) -> tuple[int, bool, timedelta]:
    return grant.priority, not grant.spot_access, grant.maximum_duration or timedelta.max
