"""Two operators, as the chart runs them: one is killed in the middle of a lease, and the other goes on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

import jumplab
from tests.charts.cluster import Cluster
from tests.charts.on_chart import OnChart
from tests.lab.lab import Lab, check_invariants

BOUND = timedelta(seconds=15)


@pytest.fixture(scope="module")
def home(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> OnChart:
    return OnChart(cluster, tmp_path_factory.mktemp("two"), replicas=2)


@pytest.fixture(scope="module")
def lab(home: OnChart, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(home, tmp_path_factory.mktemp("two-lab")) as made:
        yield made


def test_the_other_operator_takes_over_and_a_session_goes_on(lab: Lab, home: OnChart) -> None:
    lab.exporter("bench-1")
    lab.lease("first", board="bench-1")
    lab.lease("second", board="bench-1")
    held = lab.until_ready("first")
    assert home.lead()["holderIdentity"] == "jumplab-0"
    with jumplab.attach("first", client=lab.config) as root:
        root.board.power.on()
        home.pods["jumplab-0"].kill()
        before = home.lead()
        assert root.board.power.is_on()
    after = home.lead()
    assert after["holderIdentity"] == "jumplab-1"
    assert after["leaseTransitions"] == before["leaseTransitions"] + 1
    expired = instant(before["renewTime"]) + timedelta(seconds=before["leaseDurationSeconds"])
    assert instant(after["acquireTime"]) >= expired, "two would have led at once"
    # What is left of the bound is for looking at the Lease, twice a second, and for starting to serve.
    assert timedelta(seconds=before["leaseDurationSeconds"]) <= BOUND - timedelta(seconds=5)

    check_invariants(lab)
    again = lab.get("leases", "first")
    assert again["metadata"]["uid"] == held["metadata"]["uid"]
    assert again["status"]["expectedEndTime"] == held["status"]["expectedEndTime"]
    assert lab.get("exporters", "bench-1")["status"]["leaseRef"]["uid"] == held["metadata"]["uid"]
    lab.release("first")
    lab.until_ready("second")
    check_invariants(lab)


def test_one_that_is_stopped_hands_the_lead_over(lab: Lab, home: OnChart) -> None:
    home.pods["jumplab-0"].start()
    home.pods["jumplab-0"].wait_until(
        lambda: 'the operator "jumplab-1" is the leader; standing by' in home.pods["jumplab-0"].output(), "standing by"
    )
    with jumplab.attach("second", client=lab.config) as root:
        root.board.power.on()
        home.pods["jumplab-1"].stop()
        assert root.board.power.is_on()
    assert home.lead()["holderIdentity"] == "jumplab-0"
    check_invariants(lab)
    lab.release("second")
    lab.until_available("bench-1")
    assert "forbidden" not in "".join(pod.output() for pod in home.pods.values())


def instant(micro_time: str) -> datetime:
    return datetime.fromisoformat(micro_time.replace("Z", "+00:00"))


def test_one_that_loses_the_lead_ends_with_one_line(lab: Lab, home: OnChart) -> None:
    """Another is written into its Lease while there is something to write for it."""
    pod = home.process
    before = len(pod.output())
    for number in range(3):
        lab.lease(f"lost-{number}", board="nothing")
    home.take_lead("somebody")
    pod.wait_until(lambda: "stopping" in pod.output()[before:], "the loss of the lead")
    pod.stop()
    lines = pod.output()[before:].splitlines()
    [line] = [line for line in lines if ': lease "lab/lost-' not in line]  # those are of what became of the leases
    assert line.endswith('the operator "somebody" is the leader now; stopping')
