"""By what right a lease may go on with another holder, or for longer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from jumplab_operator.leasing.lease.validation import Refusal
from jumplab_operator.leasing.model.facts import Fact
from jumplab_operator.leasing.model.policy_rules import Grant
from jumplab_operator.leasing.scheduler.scheduler import Changes, LabScheduler
from jumplab_operator.resources import LabelSelector
from jumplab_operator.resources.policy import From
from tests.leasing.worlds import NOON, board, client, exporter, lease, minutes, policy, rule

BENCH, OTHER = exporter("e1"), exporter("e2")
CI, ANN = client("ci", team="kernel"), client("ann", team="apps")


def right(world: list[Fact], heir: str, length: timedelta | None = None, giver: str | None = None) -> Grant | Refusal:
    lab = LabScheduler()
    lab.apply(Changes(NOON, [BENCH, OTHER, CI, ANN, *world]))
    return lab.of("lab").right("lease-l1", [BENCH.uid], heir, length, giver)


def reason(world: list[Fact], heir: str, length: timedelta | None = None) -> str:
    refused = right(world, heir, length)
    assert isinstance(refused, Refusal)
    return refused.reason


def test_without_policies_everybody_who_exists_may() -> None:
    assert isinstance(right([], "ann", minutes(600)), Grant)
    assert reason([], "nobody") == "NoAccess"


def test_the_new_holder_needs_access_of_its_own() -> None:
    assert reason([policy("p", rule("kernel"))], "ann") == "NoAccess"


def test_priority_and_spot_access_are_the_new_holders() -> None:
    rules = policy("p", rule("kernel", priority=9), rule("apps", priority=1, spot_access=True))
    got = right([rules], "ann")
    assert isinstance(got, Grant)
    assert (got.priority, got.spot_access) == (1, True)


def test_the_whole_length_is_held_against_the_new_holders_maximum() -> None:
    rules = policy("p", rule("apps", maximum_duration=minutes(60)))
    assert isinstance(right([rules], "ann", minutes(60)), Grant)
    assert reason([rules], "ann", minutes(61)) == "TooLong"


def test_a_lower_priority_is_taken_where_it_lasts_longer() -> None:
    rules = policy("p", rule("apps", priority=9, maximum_duration=minutes(60)), rule("apps", priority=1))
    got = right([rules], "ann", minutes(90))
    assert isinstance(got, Grant)
    assert got.priority == 1


def test_the_new_holders_quota_counts_what_it_holds_but_not_this_lease() -> None:
    rules = policy("p", rule("apps", maximum_leases=1))
    holding = lease("l2", client="ann", exporters=("e2",), began=NOON, end=NOON + minutes(30))
    assert reason([rules, holding], "ann") == "OverQuota"
    this_one = lease("l1", client="ann", exporters=("e1",), began=NOON, end=NOON + minutes(30))
    assert isinstance(right([rules, this_one], "ann"), Grant)


def accepting(*teams: str) -> list[From]:
    return [From(client_selector=LabelSelector(match_labels={"team": team})) for team in teams]


def test_a_rule_accepts_transfers_of_the_namespace_or_of_those_that_it_names() -> None:
    def given(**fields: object) -> Grant | Refusal:
        return right([policy("p", rule("apps", **fields))], "ann", giver="ci")

    assert isinstance(given(), Grant)
    assert isinstance(given(accept_transfers=accepting("docs", "kernel")), Grant)
    for accepted in (accepting("docs"), []):
        refused = given(accept_transfers=accepted)
        assert isinstance(refused, Refusal)
        assert refused.message == 'the access policies of client "ann" do not accept a transfer by client "ci"'
    assert isinstance(right([policy("p", rule("apps", accept_transfers=[]))], "ann"), Grant), "it holds it already"


def test_a_disabled_client_gets_no_lease() -> None:
    refused = right([replace(ANN, enabled=False)], "ann", giver="ci")
    assert isinstance(refused, Refusal)
    assert refused.message == 'client "ann" is disabled; enable it, or correct clientRef'


def test_a_lease_that_waits_only_needs_a_holder_that_exists() -> None:
    lab = LabScheduler()
    lab.apply(Changes(NOON, [CI, ANN, policy("p", rule("kernel"), exporters=board("imx8"))]))
    assert isinstance(lab.of("lab").right("lease-l1", [], "ann", None), Grant)
    assert isinstance(lab.of("lab").right("lease-l1", [], "nobody", None), Refusal)
