"""What must hold of each write, told while it is made: what is wrong between two steps is seen too."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from jumplab.protocol.durations import parse_duration
from tests.reconcile.faults.api import Plain
from tests.reconcile.faults.world import NOTICE, FaultyWorld, conditions

_ALIVE_LATELY = timedelta(minutes=5)
"""What an operator knows is no older: it lists every two minutes."""


class Auditor:
    """Notes what must never be written. It does not raise: an operator would take that for a fault of the API's."""

    def __init__(self, world: FaultyWorld, priorities: dict[str, int]) -> None:
        self._world = world
        self._priorities = priorities
        """Of the clients, where a policy lets all their leases be preempted; else empty."""
        self._claimed: dict[tuple[str, str], str] = {}
        """By the uids of leases and the names of exporters: the uids of the exporters that are claimed for them."""
        self._noticed: dict[str, datetime] = {}
        self._waited: dict[str, tuple[str, datetime]] = {}
        """By the uids of leases that wait: their clients, and when that was seen last."""
        self.ready: set[str] = set()
        """The uids of the leases that were ever Ready, be it for a moment between two steps."""
        self.wrongs: list[str] = []
        world.store.onlookers.append(self._see)

    def look(self) -> None:
        """Remembers who waits, for whom others may be preempted."""
        for lease in self._world.all("leases"):
            if "exporterRef" not in lease.get("status", {}) and not lease["spec"].get("release"):
                self._waited[lease["metadata"]["uid"]] = lease["spec"]["clientRef"]["name"], self._world.now

    def _see(self, plural: str, before: Plain, after: Plain) -> None:
        if plural == "exporters":
            self._see_claim(before, after)
            self._see_record(before, after)
        elif plural == "leases" and before.get("status", {}) != after.get("status", {}):
            self.look()
            self._see_lease(before, after)

    def _must(self, holds: bool, wrong: str, *about: Any) -> None:
        if not holds:
            self.wrongs.append(f"{self._world.now:%H:%M:%S} {wrong}: {about}")

    # claims

    def _see_claim(self, before: Plain, after: Plain) -> None:
        old, new = claim_of(before), claim_of(after)
        if old == new:
            return
        self._must(not (old and new), "a claim is written over", before, after)
        name, uid = after["metadata"]["name"], after["metadata"]["uid"]
        if old:
            self._see_cleared(name, uid, old)
        if new:
            self._claimed[new, name] = uid
            self._must(before["spec"].get("enabled", True), "what is disabled is claimed", after)
            board = self._world.boards[name]
            if board.exporter_uid == uid:
                self._must(not board.owed - {new}, "what isn't clean is claimed", board.owed, after)

    def _see_cleared(self, name: str, uid: str, lease_uid: str) -> None:
        self._claimed.pop((lease_uid, name), None)
        board = self._world.boards[name]
        lease = self._lease(lease_uid)
        status = lease.get("status", {}) if lease is not None else {}
        held = name in exporters_of(status) and not status.get("ended")
        self._must(not held, "the claim of a lease that has the exporter is cleared", lease)
        if board.exporter_uid != uid or lease_uid not in board.owed:
            return
        self._must(not board.connected, "a claim is cleared, and the exporter isn't clean of it", name, lease)
        end = status.get("expectedEndTime")
        over = end is None or datetime.fromisoformat(end) <= self._world.now
        self._must(over, "a claim is cleared before the exporter ends the lease by itself", name, lease)

    def _see_record(self, before: Plain, after: Plain) -> None:
        """A history gains one entry, when a claim is cleared: that of the lease, if the exporter served it."""
        old, new = history_of(before), history_of(after)
        name, uids = after["metadata"]["name"], [entry["uid"] for entry in new]
        self._must(len(set(uids)) == len(uids) <= 50, "a history has a lease twice, or too many", after)
        claim, is_cleared = claim_of(before), claim_of(before) and not claim_of(after)
        if old != new:
            gained = new[-1:] if new[-1:] != old[-1:] else []
            self._must(is_cleared and new == [*old, *gained][-50:], "a history is written over", before, after)
            self._must([entry["uid"] for entry in gained] == [claim], "the wrong lease is recorded", before, after)
            return
        lease = self._lease(claim) if is_cleared else None
        served = lease is not None and lease["status"].get("ended") and name in exporters_of(lease["status"])
        self._must(not served, "a lease that has ended is not recorded", lease, after)

    # leases

    def _see_lease(self, before: Plain, after: Plain) -> None:
        old, new = before.get("status", {}), after["status"]
        context = new.get("accepted", after["spec"])["context"]
        self._must(context == after["spec"]["context"], "another object's spec is in force", after)
        if new.get("ended"):
            if not old.get("ended"):
                self._see_ending(before, after)
            self._see_history(before, after)
            return
        self._must(not old.get("ended"), "what is over goes on", before, after)
        if exporters_of(new) != exporters_of(old) and exporters_of(new):
            self._see_assigned(after)
        elif new.get("expectedEndTime") not in (None, old.get("expectedEndTime")):
            for name in exporters_of(new):
                self._see_overlaps(after, name)
        if not is_true(before, "Ready") and is_true(after, "Ready"):
            self._see_ready(after)
            self._see_cut(after)
        self._see_notice(after)

    def _see_assigned(self, lease: Plain) -> None:
        """All that was asked for, or nothing; to each part what it may have; and all of them claimed."""
        status, uid = lease["status"], lease["metadata"]["uid"]
        names, accepted = exporters_of(status), status["accepted"]
        parts = accepted.get("exporters", [accepted])
        self._must(len(names) == len(parts) == len(set(names)), "a lease isn't whole", lease)
        for name, part in zip(names, parts, strict=False):
            self._must((uid, name) in self._claimed, "an exporter is assigned without a claim", name, lease)
            exporter = self._world.store.objects["exporters"].get(name)
            if exporter is not None:
                self._must(_is_asked_for(exporter, part), "an exporter is not what was asked for", exporter, lease)
            self._see_overlaps(lease, name)

    def _see_overlaps(self, lease: Plain, name: str) -> None:
        """Nobody gets what is reserved for another before it would be given back."""
        end = latest_end(lease, self._world.now)
        for other in self._world.all("leases"):
            status = other.get("status", {})
            if (
                other["metadata"]["uid"] == lease["metadata"]["uid"]
                or status.get("ended")
                or name not in reserved_of(status)
            ):
                continue
            begin = begin_of(status["accepted"])
            if begin is not None and begin > self._world.now:  # then it goes before all others
                self._must(end <= begin, f"{name} is reserved for another", lease, other)

    def _see_ready(self, lease: Plain) -> None:
        self.ready.add(lease["metadata"]["uid"])
        for name in exporters_of(lease["status"]):
            confirmed = lease["metadata"]["uid"] in self._world.boards[name].confirmed
            self._must(confirmed, f"a lease is ready, and {name} never said so", lease)

    def _see_cut(self, lease: Plain) -> None:
        """A lease ends earlier than its client asked only where its exporter is reserved for another from then."""
        status = lease["status"]
        end, asked = datetime.fromisoformat(status["expectedEndTime"]), asked_end(status)
        if asked is None or end >= asked:
            return
        ready = conditions(lease)["Ready"]["message"]
        self._must("ends early" in ready, "a lease is cut short, and does not say so", lease)
        begins = [
            begin_of(other["status"]["accepted"])
            for other in self._world.all("leases")
            for name in reserved_of(other.get("status", {}))
            if name in exporters_of(status)
        ]
        self._must(end in begins, "a lease is cut short for nobody", lease, begins)

    def _see_history(self, before: Plain, after: Plain) -> None:
        """What is over had what it had; the end may be the first to tell of what was claimed for it."""
        old, new, uid = before.get("status", {}), exporters_of(after["status"]), after["metadata"]["uid"]
        untold = not old.get("ended") and not exporters_of(old) and all((uid, name) in self._claimed for name in new)
        self._must(untold or exporters_of(old) == new, "what is over changes its exporters", before, after)

    def _see_notice(self, lease: Plain) -> None:
        uid = lease["metadata"]["uid"]
        if not is_true(lease, "Preempting"):
            self._noticed.pop(uid, None)
        elif uid not in self._noticed:
            self._noticed[uid] = self._world.now
            self._see_victim(lease)

    def _see_victim(self, lease: Plain) -> None:
        status = lease["status"]
        self._must(bool(self._priorities and status.get("spotAccess")), "what is no spot lease is preempted", lease)
        since = self._world.now - _ALIVE_LATELY
        waiting = [self._priorities.get(client, 0) for client, seen in self._waited.values() if seen >= since]
        higher = any(priority > status.get("priority", 0) for priority in waiting)
        self._must(higher, "nobody of higher priority waits", lease, self._waited)

    def _see_ending(self, before: Plain, after: Plain) -> None:
        had = exporters_of(before.get("status", {})) or exporters_of(after["status"])
        spec, uid = after["spec"], after["metadata"]["uid"]
        now, reason = self._world.now, conditions(after)["Ready"]["reason"]
        is_right: dict[str, Callable[[], bool]] = {
            "Released": lambda: spec.get("release", False) or uid in self._world.lost,
            "Expired": lambda: self._is_expired(after),
            "ExporterDeleted": lambda: any(self._is_deleted(uid, name) for name in had),
            "ExporterFailed": lambda: any(self._has_failed(uid, name) for name in had),
            "Preempted": lambda: uid in self._noticed and self._noticed[uid] + NOTICE <= now,
        }
        self._must(reason in is_right and is_right[reason](), f"a lease is lost: {reason}", before, after)

    def _is_expired(self, lease: Plain) -> bool:
        status = lease["status"]
        end, asked = status.get("expectedEndTime"), asked_end(status)
        ends = [each for each in (asked, datetime.fromisoformat(end) if end is not None else None) if each is not None]
        return bool(ends) and min(ends) <= self._world.now + timedelta(seconds=5)

    def _is_deleted(self, lease_uid: str, name: str) -> bool:
        exporter = self._world.store.objects["exporters"].get(name)
        return exporter is None or exporter["metadata"]["uid"] != self._claimed.get((lease_uid, name))

    def _has_failed(self, lease_uid: str, name: str) -> bool:
        return lease_uid in self._world.boards[name].given_up

    def _lease(self, uid: str) -> Plain | None:
        return next((lease for lease in self._world.all("leases") if lease["metadata"]["uid"] == uid), None)


def claim_of(exporter: Plain) -> str:
    """The uid of the lease that it is claimed by; empty: none."""
    found: str = exporter.get("status", {}).get("leaseRef", {}).get("uid", "")
    return found


def history_of(exporter: Plain) -> list[Plain]:
    """The last leases that it served."""
    found: list[Plain] = exporter.get("status", {}).get("history", [])
    return found


def exporters_of(status: Plain) -> list[str]:
    """The names of the exporters that a lease has or had."""
    several = status.get("exporters", [status] if "exporterRef" in status else [])
    return [each["exporterRef"]["name"] for each in several]


def reserved_of(status: Plain) -> list[str]:
    """The names of the exporters that are reserved for a lease."""
    first = [{"exporterRef": status["keptExporterRef"]}] if "keptExporterRef" in status else []
    return [each["exporterRef"]["name"] for each in status.get("keptExporters", first)]


def begin_of(spec: Plain) -> datetime | None:
    if "beginTime" in spec:
        return datetime.fromisoformat(spec["beginTime"])
    if "endTime" in spec and "duration" in spec:
        return datetime.fromisoformat(spec["endTime"]) - parse_duration(spec["duration"])
    return None


def asked_end(status: Plain) -> datetime | None:
    """The end of a lease by the spec in force; None: that is not known yet."""
    accepted = status["accepted"]
    if "endTime" in accepted:
        return datetime.fromisoformat(accepted["endTime"])
    if "beginTime" not in status:
        return None
    return datetime.fromisoformat(status["beginTime"]) + parse_duration(accepted["duration"])


def latest_end(lease: Plain, assigned: datetime) -> datetime:
    """The end of a lease that got its exporters then; of one that is not ready yet, the latest if it were so soon.

    One that had a reservation may be a minute late, and is cut short by as much once it is ready.
    """
    status = lease["status"]
    if "expectedEndTime" in status:
        return datetime.fromisoformat(status["expectedEndTime"])
    late = timedelta(minutes=1) if begin_of(status["accepted"]) is not None else timedelta(0)
    return asked_end(status) or assigned + parse_duration(status["accepted"]["duration"]) - late


def _is_asked_for(exporter: Plain, part: Plain) -> bool:
    metadata = exporter["metadata"]
    pinned = part.get("exporterRef", {}).get("name", metadata["name"])
    asked = part.get("selector", {}).get("matchLabels", {})
    return pinned == metadata["name"] and asked.items() <= metadata["labels"].items()


def is_true(lease: Plain, kind: str) -> bool:
    found = conditions(lease).get(kind)
    return found is not None and found["status"] == "True"
