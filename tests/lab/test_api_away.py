"""The API server goes away, refusing or silent, or the operator does, while there is work for it: the lab goes on."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import jumplab
from jumplab.client import errors
from tests.lab.homes import OnCluster
from tests.lab.lab import Lab, Plain, condition

AWAY = os.environ.get("JUMPLAB_TEST_API_AWAY", "8s")
"""How long the API server stays away: the length of a lease that ends meanwhile. `60s` for a patient run."""

BRIEF = timedelta(seconds=6)


def test_a_lease_ends_in_time_while_the_control_plane_is_dead(lab: Lab, tmp_path: Path) -> None:
    cleaned = tmp_path / "cleaned"
    exporter = lab.exporter("bench-g", hooks={"afterLease": {"script": f"touch {cleaned}"}})
    lab.lease("brief", board="bench-g")
    held = lab.until_ready("brief")
    lab.lease("after", board="bench-g")  # now: of two of one second neither is the first
    with jumplab.attach("brief", client=lab.config) as root:
        root.board.power.on()
        exporter.wait_until(lambda: "ends in" in exporter.output(), "word of the end")
        ends_known = exporter.output().count("ends in")
        shorten(lab, held, BRIEF)
        exporter.wait_until(lambda: exporter.output().count("ends in") > ends_known, "word of the new end")
        lab.home.kill()
    exporter.wait_until(cleaned.exists, "the end of the lease")
    lab.home.start()
    assert condition(lab.until_ended("brief"), "Ready")["reason"] == "Expired"
    lab.until_ready("after")
    lab.release("after")
    lab.until_available("bench-g")


def shorten(lab: Lab, held: Plain, left: timedelta) -> None:
    """The lease ends when so much time has passed."""
    begun = datetime.fromisoformat(held["status"]["beginTime"])
    seconds = math.ceil((datetime.now(UTC) + left - begun).total_seconds())
    lab.patch("leases", held["metadata"]["name"], {"spec": {"duration": f"{seconds}s"}}).ok()


def test_the_api_server_is_away_for_a_while(cluster_lab: Lab, cluster_home: OnCluster, tmp_path: Path) -> None:
    lab, cleaned = cluster_lab, tmp_path / "cleaned"
    exporter = lab.exporter("bench-away", hooks={"afterLease": {"script": f"touch {cleaned}"}})
    lab.exporter("bench-i")
    lab.lease("long", board="bench-i")
    held = lab.until_ready("long")
    lab.lease("over-away", board="bench-away", duration=AWAY)
    lab.until_ready("over-away")
    lab.lease("queued", board="bench-away")
    with jumplab.attach("long", client=lab.config) as root:
        root.board.power.on()
        cluster_home.api.kill()
        assert root.board.power.is_on()
        with jumplab.attach("long", client=lab.config) as another:
            assert another.board.power.is_on()
        exporter.wait_until(cleaned.exists, "the end of the lease")
        assert root.board.power.is_on()
        cluster_home.api.start()
        assert condition(lab.until_ended("over-away"), "Ready")["reason"] == "Expired"
        lab.until_ready("queued")
        assert root.board.power.is_on()
    again = lab.get("leases", "long")
    assert again["status"]["expectedEndTime"] == held["status"]["expectedEndTime"]
    for lease in ("long", "queued"):
        lab.release(lease)
    for name in ("bench-away", "bench-i"):
        lab.until_available(name)


@contextmanager
def refused(home: OnCluster) -> Iterator[None]:
    """The operator can't reach the API server."""
    home.gate.shut()
    yield
    home.gate.open()


@contextmanager
def unanswered(home: OnCluster) -> Iterator[None]:
    """The API server does not answer the operator."""
    home.gate.stick()
    yield
    home.gate.open()


@contextmanager
def dead(home: OnCluster) -> Iterator[None]:
    """The operator was killed."""
    home.kill()
    yield
    home.start()


@pytest.mark.parametrize("away", [refused, unanswered, dead])
def test_what_is_deleted_and_made_meanwhile_is_seen_to(
    cluster_lab: Lab, cluster_home: OnCluster, away: Callable[[OnCluster], AbstractContextManager[None]]
) -> None:
    lab, name = cluster_lab, away.__name__
    gone, freed = f"gone-{name}", f"freed-{name}"
    for exporter in (gone, freed):
        lab.exporter(exporter)
        lab.lease(f"on-{exporter}", board=exporter)
    for exporter in (gone, freed):
        lab.until_ready(f"on-{exporter}")
    with away(cluster_home):
        lab.delete("exporters", gone)
        lab.delete("leases", f"on-{freed}")
        lab.lease(f"next-{name}", board=freed)
    ended = lab.until_ended(f"on-{gone}")
    assert condition(ended, "Ready")["reason"] == "ExporterDeleted"
    assert gone in condition(ended, "Ready")["message"]
    lab.until_ready(f"next-{name}")
    with jumplab.attach(f"next-{name}", client=lab.config) as root:
        assert not root.board.power.is_on()
    with pytest.raises(errors.LeaseEnded, match=gone), jumplab.attach(f"on-{gone}", client=lab.config):
        pass
    lab.release(f"next-{name}")
    lab.until_available(freed)
