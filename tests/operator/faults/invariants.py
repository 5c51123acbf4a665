"""What must hold after each step, told from the API's objects and from what the exporters' processes do."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from jumplab_operator.resources.durations import parse_duration
from tests.operator.faults.api import Plain
from tests.operator.faults.world import FaultyWorld, conditions


class Witness:
    """Sees every state of the world, and fails at the first that must not be."""

    def __init__(self, world: FaultyWorld, most_leases: int | None) -> None:
        self._world = world
        self._most_leases = most_leases
        self._step = 0
        self._assigned: dict[str, tuple[str, int]] = {}
        """By a lease's uid: the uid of its exporter, and since which step."""
        self._kept: dict[tuple[str, str], int] = {}
        """Since which step an exporter is kept for a lease."""
        self.ready: set[str] = set()
        """The uids of the leases that were ever Ready."""
        self._used: dict[str, str] = {}
        """The exporters of leases that were ever used, by the lease's uid."""

    def look(self) -> None:
        self._step += 1
        exporters = {each["metadata"]["name"]: each for each in self._world.all("exporters")}
        held = [lease for lease in self._world.all("leases") if _is_held(lease)]
        self._note(held, exporters)
        self._one_holder(held, exporters)
        self._sessions(exporters)
        self._quotas(held)
        self._reservations(held)
        self._endings()
        self._places()

    def _note(self, held: list[Plain], exporters: dict[str, Plain]) -> None:
        uids = {lease["metadata"]["uid"] for lease in held}
        self._assigned = {uid: known for uid, known in self._assigned.items() if uid in uids}
        for lease in held:
            uid, exporter = lease["metadata"]["uid"], exporters.get(lease["status"]["exporterRef"]["name"])
            if exporter is None:
                continue
            claim = exporter["status"].get("leaseRef", {}) if "status" in exporter else {}
            if uid not in self._assigned or (
                claim.get("uid") == uid and self._assigned[uid][0] != exporter["metadata"]["uid"]
            ):
                self._assigned[uid] = exporter["metadata"]["uid"], self._step
            if is_true(lease, "Ready"):
                self.ready.add(uid)

    def _one_holder(self, held: list[Plain], exporters: dict[str, Plain]) -> None:
        holders = Counter(self._assigned[uid][0] for uid in self._assigned)
        assert all(count == 1 for count in holders.values()), f"two leases have one exporter: {holders} {held}"
        for lease in held:
            exporter = exporters.get(lease["status"]["exporterRef"]["name"])
            uid = lease["metadata"]["uid"]
            if exporter is not None and self._assigned[uid][0] == exporter["metadata"]["uid"]:
                claim = exporter.get("status", {}).get("leaseRef")
                assert (claim or {}).get("uid") == uid, f"{lease} is assigned without a claim: {exporter}"

    def _sessions(self, exporters: dict[str, Plain]) -> None:
        """Nobody gets an exporter whose process has still another's lease."""
        for name, exporter in exporters.items():
            board, claim = self._world.boards[name], exporter.get("status", {}).get("leaseRef")
            if claim is not None and board.exporter_uid == exporter["metadata"]["uid"]:
                assert board.holding in ("", claim["uid"]), f"{name} serves {board.holding} and is claimed by {claim}"

    def _quotas(self, held: list[Plain]) -> None:
        if self._most_leases is not None:
            counts = Counter(lease["status"]["accepted"]["clientRef"]["name"] for lease in held)
            assert all(count <= self._most_leases for count in counts.values()), f"over quota: {counts}"

    def _reservations(self, held: list[Plain]) -> None:
        kept = {}
        for lease in self._world.all("leases"):
            reference = lease.get("status", {}).get("keptExporterRef")
            if reference is not None and not lease["status"].get("ended"):
                key = lease["metadata"]["uid"], reference["name"]
                kept[key] = self._kept.get(key, self._step)
                self._nobody_overlaps(lease, reference["name"], kept[key], held)
        self._kept = kept

    def _nobody_overlaps(self, lease: Plain, exporter: str, since: int, held: list[Plain]) -> None:
        begin = begin_of(lease["status"]["accepted"])
        for other in held:
            uid = other["metadata"]["uid"]
            if other["status"]["exporterRef"]["name"] != exporter or self._assigned.get(uid, ("", 0))[1] <= since:
                continue
            accepted = other["status"]["accepted"]
            at = datetime.fromisoformat(conditions(other)["Assigned"]["lastTransitionTime"])
            length = parse_duration(accepted["duration"]) if "duration" in accepted else timedelta(0)
            end = datetime.fromisoformat(accepted["endTime"]) if "endTime" in accepted else at + length
            assert begin is None or end <= begin, f"{other} overlaps with what is kept for {lease}"

    def _endings(self) -> None:
        for lease in self._world.all("leases"):
            status = lease.get("status", {})
            if status.get("ended"):
                assert "endTime" in status, f"{lease} has ended without an end"
                assert not is_true(lease, "Ready"), f"{lease} has ended and is Ready"

    def _places(self) -> None:
        """What was used stays where it is."""
        for lease in self._world.all("leases"):
            uid, status = lease["metadata"]["uid"], lease.get("status", {})
            if "firstUsedTime" in status and not status.get("ended"):
                exporter = status.get("exporterRef", {}).get("name", "nothing")
                assert self._used.setdefault(uid, exporter) == exporter != "nothing", f"was moved: {lease}"


def is_true(lease: Plain, kind: str) -> bool:
    found = conditions(lease).get(kind)
    return found is not None and found["status"] == "True"


def begin_of(spec: Plain) -> datetime | None:
    if "beginTime" in spec:
        return datetime.fromisoformat(spec["beginTime"])
    if "endTime" in spec and "duration" in spec:
        return datetime.fromisoformat(spec["endTime"]) - parse_duration(spec["duration"])
    return None


def _is_held(lease: Plain) -> bool:
    status = lease.get("status", {})
    return "exporterRef" in status and not status.get("ended")
