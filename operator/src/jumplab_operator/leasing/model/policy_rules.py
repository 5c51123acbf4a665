"""Access policies: which client may lease which exporters.

Where a namespace has no policy object every client may lease every exporter. Where it has one, only what a rule
grants is permitted. A policy that can't be read grants nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from jumplab_operator.leasing.model import selectors
from jumplab_operator.resources import ExporterAccessPolicy, LabelSelector, Policy
from jumplab_operator.resources.policy import From


@dataclass(frozen=True, slots=True)
class Quota:
    """How many leases, and exporters, a client may hold at once of those that one policy is for; None: any number."""

    policy: int
    """The policy's number among those of the namespace."""
    leases: int | None
    exporters: int | None


@dataclass(frozen=True, slots=True)
class Grant:
    """The right to lease an exporter, as the best rule gives it."""

    priority: int = 0
    spot_access: bool = False
    maximum_duration: timedelta | None = None
    weight: int = 1
    """The client's share among others."""
    quota: Quota | None = None
    """How much the client may hold at once of what the policy is for."""


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
        for field, sources in (("from", rule.from_), ("acceptTransfers", rule.accept_transfers or ())):
            for source in sources:
                if problem := selectors.selector_problem(source.client_selector):
                    return f"policies[{index}].{field}: {problem}"
    return None


@dataclass(frozen=True, slots=True)
class Rights:
    """The rights that the policies of a namespace grant one client for leases of one length."""

    key: str
    """Equal under the same policies: equal rights."""
    open: bool
    """There is no policy: everything is permitted."""
    fitting: tuple[tuple[LabelSelector, Grant], ...]
    """Grants, each with the selector of its exporters; the best first."""
    exceeded: tuple[tuple[LabelSelector, timedelta], ...]
    """Rules that would grant shorter leases: their exporters and maximum duration."""

    def grant(self, exporter_labels: Mapping[str, str]) -> Grant | TooLong | None:
        """The best right to an exporter; None: no access."""
        if self.open:
            return Grant()
        for selector, grant in self.fitting:
            if selectors.matches(selector, exporter_labels):
                return grant
        maxima = [longest for selector, longest in self.exceeded if selectors.matches(selector, exporter_labels)]
        return TooLong(max(maxima)) if maxima else None


def rights(
    policies: Iterable[ExporterAccessPolicy | None], client_labels: Mapping[str, str], duration: timedelta | None
) -> Rights:
    """The rights of a client for a lease of that length; None stands for one that bends to the rule's maximum.

    None in `policies` is one that can't be read.
    """
    known = list(policies)
    rules = [
        (number, policy.spec.exporter_selector, rule)
        for number, policy in enumerate(known)
        if policy is not None and not policy_problem(policy)
        for rule in policy.spec.policies
        if _includes(rule.from_, client_labels)
    ]
    fitting = [(number, selector, _grant(number, rule)) for number, selector, rule in rules if _permits(rule, duration)]
    fitting.sort(key=lambda each: rank(each[2]), reverse=True)
    exceeded = [
        (selector, rule.maximum_duration)
        for _, selector, rule in rules
        if rule.maximum_duration is not None and not _permits(rule, duration)
    ]
    key = repr([(number, grant) for number, _, grant in fitting]) if known else "open"
    return Rights(key, not known, tuple((s, grant) for _, s, grant in fitting), tuple(exceeded))


def best_grant(
    policies: Iterable[ExporterAccessPolicy | None],
    exporter_labels: Mapping[str, str],
    client_labels: Mapping[str, str],
    duration: timedelta | None,
) -> Grant | TooLong | None:
    """The grant of highest priority that permits this client this exporter for that length; None: no access."""
    return rights(policies, client_labels, duration).grant(exporter_labels)


def accepts_transfer(
    policies: Iterable[ExporterAccessPolicy | None],
    exporter_labels: Mapping[str, str],
    receiver_labels: Mapping[str, str],
    giver_labels: Mapping[str, str],
) -> bool:
    """Whether a rule by which the receiver may lease the exporter accepts transfers by the giver."""
    known = list(policies)
    return not known or any(
        rule.accept_transfers is None or _includes(rule.accept_transfers, giver_labels)
        for policy in known
        if policy is not None and not policy_problem(policy)
        if selectors.matches(policy.spec.exporter_selector, exporter_labels)
        for rule in policy.spec.policies
        if _includes(rule.from_, receiver_labels)
    )


def _includes(sources: Iterable[From], client_labels: Mapping[str, str]) -> bool:
    return any(selectors.matches(source.client_selector, client_labels) for source in sources)


def _permits(rule: Policy, duration: timedelta | None) -> bool:
    return duration is None or rule.maximum_duration is None or duration <= rule.maximum_duration


def _grant(number: int, rule: Policy) -> Grant:
    limited = rule.maximum_leases is not None or rule.maximum_exporters is not None
    quota = Quota(number, rule.maximum_leases, rule.maximum_exporters) if limited else None
    return Grant(rule.priority, rule.spot_access, rule.maximum_duration, rule.weight, quota)


def rank(grant: Grant) -> tuple[int, bool, timedelta, int]:
    """The greatest is the best."""
    return grant.priority, not grant.spot_access, grant.maximum_duration or timedelta.max, grant.weight
