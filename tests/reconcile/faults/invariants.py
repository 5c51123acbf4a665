"""What must hold after each step, told from the API's objects and from what the exporters' processes do."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from tests.reconcile.faults.api import Plain
from tests.reconcile.faults.world import FaultyWorld, Rules, conditions
from tests.reconcile.faults.writes import Auditor, begin_of, claim_of, exporters_of, is_true, latest_end, reserved_of


class Witness:
    """Sees every state of the world, and fails at the first that must not be."""

    def __init__(self, world: FaultyWorld, rules: Rules) -> None:
        self._world = world
        self._rules = rules
        self._auditor = Auditor(world, rules.priorities if rules.spot else {})
        self._step = 0
        self._assigned: dict[tuple[str, str], tuple[str, int]] = {}
        """By the uid of a lease and the name of an exporter: that one's uid, and since which step."""
        self._reserved: dict[tuple[str, str], int] = {}
        """Since which step an exporter is reserved for a lease."""
        self.ready = self._auditor.ready
        self._used: dict[str, list[str]] = {}
        """The exporters of leases that were ever used, by the lease's uid."""

    def look(self) -> None:
        self._step += 1
        exporters = {each["metadata"]["name"]: each for each in self._world.all("exporters")}
        held = [lease for lease in self._world.all("leases") if _is_held(lease)]
        self._note(held, exporters)
        self._one_holder(exporters)
        self._sessions(exporters)
        self._quotas(held)
        self._reservations(held)
        self._endings()
        self._places()
        self._auditor.look()
        wrongs = [*self._auditor.wrongs, *(wrong for board in self._world.boards.values() for wrong in board.wrongs)]
        assert not wrongs, "\n".join(wrongs)

    def look_at_rest(self) -> None:
        """For when faults are over, and a list has come since: what is known is what is there, and nothing is held
        for a lease that waits, but by an exporter that hangs."""
        lab = self._world.lab
        assert lab is not None, "there is an operator"
        namespace = self._world.namespace
        for plural, known in (("leases", lab.leases(namespace)), ("exporters", lab.exporters(namespace))):
            there = {each["metadata"]["uid"] for each in self._world.all(plural)}
            assert {each.uid for each in known} == there, f"of {plural} these are known: {known}"
        self._holders_are_there()
        for exporter in self._world.all("exporters"):
            board, claim = self._world.boards[exporter["metadata"]["name"]], claim_of(exporter)
            gone = board.exporter_uid and board.connected and board.exporter_uid != exporter["metadata"]["uid"]
            assert not gone, f"still connected as what is gone: {board}"
            if claim and board.connected and not board.owed and board.exporter_uid == exporter["metadata"]["uid"]:
                raise AssertionError(f"claimed, and nobody has it: {exporter}")

    def _holders_are_there(self) -> None:
        """Nobody who was revoked holds anything, and nobody holds what another of the same name had."""
        clients = {each["metadata"]["name"]: each for each in self._world.all("clients")}
        for name, client in clients.items():
            uid = client["status"]["credential"]["uid"]
            assert uid == self._world.secret_uid(name), f"its Secret is another: {client}"
        for lease in self._world.all("leases"):
            holder = lease.get("status", {}).get("holder")
            if holder is None or lease["status"].get("ended"):
                continue
            client = clients.get(lease["status"]["accepted"]["clientRef"]["name"], {})
            there = {"uid": client["metadata"]["uid"], "credentialUid": client["status"]["credential"]["uid"]}
            assert holder == there, f"held by one who is gone: {lease}, {client}"

    def _note(self, held: list[Plain], exporters: dict[str, Plain]) -> None:
        pairs = {(lease["metadata"]["uid"], name) for lease in held for name in exporters_of(lease["status"])}
        self._assigned = {pair: known for pair, known in self._assigned.items() if pair in pairs}
        for uid, name in pairs:
            if name not in exporters:
                continue
            claim, exporter_uid = claim_of(exporters[name]), exporters[name]["metadata"]["uid"]
            known = self._assigned.get((uid, name))
            if known is None or (claim == uid and known[0] != exporter_uid):
                self._assigned[uid, name] = exporter_uid, self._step

    def _one_holder(self, exporters: dict[str, Plain]) -> None:
        holders = Counter(exporter_uid for exporter_uid, _ in self._assigned.values())
        assert all(count == 1 for count in holders.values()), f"two leases have one exporter: {self._assigned}"
        for (uid, name), (exporter_uid, _) in self._assigned.items():
            exporter = exporters.get(name)
            if exporter is not None and exporter_uid == exporter["metadata"]["uid"]:
                assert claim_of(exporter) == uid, f"{uid} is assigned without a claim: {exporter}"

    def _sessions(self, exporters: dict[str, Plain]) -> None:
        """Nobody gets an exporter whose process has still another's lease."""
        for name, exporter in exporters.items():
            board, claim = self._world.boards[name], exporter.get("status", {}).get("leaseRef")
            if claim is not None and board.exporter_uid == exporter["metadata"]["uid"]:
                assert board.holding in ("", claim["uid"]), f"{name} serves {board.holding} and is claimed by {claim}"

    def _quotas(self, held: list[Plain]) -> None:
        clients = [(_client(lease), len(exporters_of(lease["status"]))) for lease in held]
        leases = Counter(client for client, _ in clients)
        exporters = Counter(client for client, count in clients for _ in range(count))
        for counts, most in ((leases, self._rules.most_leases), (exporters, self._rules.most_exporters)):
            assert most is None or all(count <= most for count in counts.values()), f"over quota: {counts}"

    def _reservations(self, held: list[Plain]) -> None:
        reserved = {}
        for lease in self._world.all("leases"):
            status = lease.get("status", {})
            for name in reserved_of(status) if not status.get("ended") else ():
                key = lease["metadata"]["uid"], name
                reserved[key] = self._reserved.get(key, self._step)
                self._nobody_overlaps(lease, name, reserved[key], held)
        self._reserved = reserved

    def _nobody_overlaps(self, lease: Plain, exporter: str, since: int, held: list[Plain]) -> None:
        begin = begin_of(lease["status"]["accepted"])
        if begin is not None and begin <= self._world.now:
            return  # its time has come: it goes before all others, and what it can't take they may
        for other in held:
            if self._assigned.get((other["metadata"]["uid"], exporter), ("", 0))[1] <= since:
                continue
            end = latest_end(other, datetime.fromisoformat(conditions(other)["Assigned"]["lastTransitionTime"]))
            assert begin is None or end <= begin, f"{other} overlaps with the reservation of {lease}"

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
                exporters = exporters_of(status)
                assert self._used.setdefault(uid, exporters) == exporters != [], f"was moved: {lease}"


def _client(lease: Plain) -> str:
    name: str = lease["status"]["accepted"]["clientRef"]["name"]
    return name


def _is_held(lease: Plain) -> bool:
    status = lease.get("status", {})
    return "exporterRef" in status and not status.get("ended")
