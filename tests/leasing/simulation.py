"""Runs a plan forward in time: leases get what was decided, last as long as they were granted, and end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from jumplab_operator.leasing.model.decisions import Assign, Wait
from jumplab_operator.leasing.model.facts import ExporterFacts, Fact, LeaseFacts, UsageFacts
from jumplab_operator.leasing.scheduler.scheduler import Changes, LabScheduler


@dataclass
class Simulation:
    """One namespace. An exporter is clean as soon as its lease has ended."""

    now: datetime
    lab: LabScheduler = field(default_factory=LabScheduler)
    began: dict[str, datetime] = field(default_factory=dict)
    """When each lease got its exporters, by its uid."""
    got: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The names of the exporters that each lease got."""
    facts: dict[str, Fact] = field(default_factory=dict)

    def put(self, facts: Sequence[Fact]) -> None:
        """Changes the world, and has what is decided done, until nothing is to be done now."""
        while facts:
            self.facts |= {fact.uid: fact for fact in facts}
            self.lab.apply(Changes(self.now, facts))
            facts = self._decided()

    def run(self) -> None:
        """Runs until nobody waits for a time that is known."""
        while (moment := self._next()) is not None:
            self.now = moment
            over = [fact for fact in self._leases() if fact.exporters and fact.end is not None and fact.end <= moment]
            facts = [each for lease in over for each in self._end(lease)]
            self.lab.apply(Changes(moment, facts))
            self.facts |= {fact.uid: fact for fact in facts}
            self.put(self._decided())

    def _next(self) -> datetime | None:
        leases = self._leases()
        if not any(not lease.exporters for lease in leases):
            return None
        moments = [lease.end for lease in leases if lease.exporters and lease.end is not None]
        moments += [lease.begin for lease in leases if lease.begin is not None and lease.begin > self.now]
        return min(moments, default=None)

    def _leases(self) -> list[LeaseFacts]:
        return [fact for fact in self.facts.values() if isinstance(fact, LeaseFacts)]

    def _decided(self) -> list[Fact]:
        changed: list[Fact] = []
        for lease in self._leases():
            decision = self.lab.of(lease.namespace).decision(lease.uid)
            if isinstance(decision, Assign) and not lease.exporters:
                changed += self._assign(lease, decision)
            elif isinstance(decision, Wait) and decision.reserved != lease.reserved:
                changed.append(replace(lease, reserved=decision.reserved))
        return changed

    def _assign(self, lease: LeaseFacts, decision: Assign) -> list[Fact]:
        names = tuple(chosen.name for chosen in decision.exporters)
        self.began[lease.uid], self.got[lease.uid] = self.now, names
        times = {"began": self.now, "end": lease.end or self.now + decision.duration, "granted": decision.duration}
        running = replace(lease, exporters=names, reserved=(), **times)  # type: ignore[arg-type]  # tests name the fields
        claimed = [self.facts[chosen.uid] for chosen in decision.exporters]
        return [running, *(replace(each, claim=lease.uid) for each in claimed if isinstance(each, ExporterFacts))]

    def _end(self, lease: LeaseFacts) -> list[Fact]:
        assert lease.began is not None
        assert lease.end is not None
        freed = [it for it in self.facts.values() if isinstance(it, ExporterFacts) and it.claim == lease.uid]
        used = UsageFacts(lease.namespace, lease.uid, lease.request.client, lease.began, lease.end, len(freed))
        return [used, *(replace(exporter, claim=None) for exporter in freed)]
