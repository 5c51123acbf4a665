"""Whatever goes wrong, in whatever order: nobody is given what another has, and in the end everyone is served."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from jumplab_operator.errors import ApiError
from jumplab_operator.resources.metadata import format_instant
from tests.reconcile.faults.api import Plain
from tests.reconcile.faults.invariants import Witness
from tests.reconcile.faults.world import FaultyWorld, Rules

STEPS = int(os.environ.get("JUMPLAB_FAULT_STEPS", "10000"))
"""More of them, at random: JUMPLAB_FAULT_STEPS=100000 pytest --hypothesis-profile=random."""
STEPS_EACH = 50
BOARDS = ("imx8", "rpi4")
EXPORTERS = {"e1": "imx8", "e2": "imx8", "e3": "rpi4"}
CLIENTS = ("ann", "bob")
PLURALS = ("clients", "exporteraccesspolicies", "exporters", "leases")

_exporters = st.sampled_from(sorted(EXPORTERS))
_clients = st.sampled_from(CLIENTS)
_leases = st.sampled_from([f"l{number}" for number in range(6)])
_minutes = st.integers(1, 10)
_gangs = st.lists(st.sampled_from((*BOARDS, *EXPORTERS)), min_size=2, max_size=2).filter(
    lambda parts: parts == ["imx8", "imx8"] or (parts[0] != parts[1] and set(parts) != {"rpi4", "e3"})
)
"""What each of two parts asks for: a kind of board, or an exporter by its name. Both can be had at once."""


class FaultyLab(RuleBasedStateMachine):
    """People and faults take turns; the operator is let run for a while, or not at all."""

    def __init__(self, world: Callable[[], FaultyWorld] = FaultyWorld) -> None:
        super().__init__()
        self.world = world()

    @initialize(most_leases=st.none() | st.integers(1, 2), prioritized=st.booleans(), few=st.booleans())
    def build(self, most_leases: int | None, prioritized: bool, few: bool) -> None:
        priorities = {name: number if prioritized else 0 for number, name in enumerate(CLIENTS)}
        rules = Rules(priorities, most_leases, most_exporters=2 if few else None, spot=prioritized and few)
        self.witness = Witness(self.world, rules)
        for name in CLIENTS:
            self.world.client(name)
        if prioritized or few or most_leases is not None:
            self.world.policy(rules)
        for name, board in EXPORTERS.items():
            self.world.exporter(name, board)
            self.world.board(name)
        self.world.start_operator()
        self.world.calm()

    # people

    @rule(name=_leases, client=_clients, board=st.sampled_from(BOARDS), minutes=_minutes, extends=st.booleans())
    def create_lease(self, name: str, client: str, board: str, minutes: int, extends: bool) -> None:
        more = {"extendOnActivity": {"by": "2m"}} if extends else {}
        self._create(name, client, minutes, selector={"matchLabels": {"board": board}}, **more)

    @rule(name=_leases, client=_clients, minutes=_minutes, pinned=_exporters, patient=st.booleans())
    def create_pinned_lease(self, name: str, client: str, minutes: int, pinned: str, patient: bool) -> None:
        when = "Wait" if patient else "Fail"
        self._create(name, client, minutes, exporterRef={"name": pinned}, whenUnsatisfiable=when)

    @rule(name=_leases, client=_clients, board=st.sampled_from(BOARDS), minutes=_minutes, ahead=_minutes)
    def reserve(self, name: str, client: str, board: str, minutes: int, ahead: int) -> None:
        selector = {"matchLabels": {"board": board}}
        self._create(name, client, minutes, selector=selector, beginTime=self._in_minutes(ahead))

    @rule(name=_leases, client=_clients, parts=_gangs, minutes=_minutes, ahead=st.none() | _minutes)
    def create_gang(self, name: str, client: str, parts: list[str], minutes: int, ahead: int | None) -> None:
        asked = [
            {"exporterRef": {"name": part}} if part in EXPORTERS else {"selector": {"matchLabels": {"board": part}}}
            for part in parts
        ]
        members = [{"name": name, **part} for name, part in zip(("one", "two"), asked, strict=True)]
        begin = {} if ahead is None else {"beginTime": self._in_minutes(ahead)}
        self._create(name, client, minutes, exporters=members, **begin)

    @rule(name=_leases, client=_clients, board=st.sampled_from(BOARDS), minutes=_minutes)
    def replace_lease(self, name: str, client: str, board: str, minutes: int) -> None:
        """Another of the same name: what was decided for the one before is not for this one."""
        with suppress(ApiError):
            self.world.delete("leases", name)
        self._create(name, client, minutes, selector={"matchLabels": {"board": board}})

    @rule(
        name=_leases,
        change=st.sampled_from(("release", "length", "begin", "board", "holder", "deletion")),
        minutes=_minutes,
    )
    def change_lease(self, name: str, change: str, minutes: int) -> None:
        lease = self.world.store.objects["leases"].get(name)
        if lease is None:
            return
        if change == "deletion":
            self.world.delete("leases", name)
        elif change == "release":
            self._edit(name, {"release": True})
        elif change == "length":
            self._edit(name, {"duration": f"{minutes}m"})
        elif change == "begin":
            self._edit(name, {"beginTime": self._in_minutes(minutes)})
        elif change == "holder":
            with suppress(ApiError):
                self.world.hand_over(name, CLIENTS[minutes % 2])
        elif "selector" in lease["spec"]:  # else nothing might ever be both
            self._edit(name, {"selector": {"matchLabels": {"board": BOARDS[minutes % 2]}}})

    @rule(name=_exporters, change=st.sampled_from(("deletion", "creation", "replacement", "enabled", "disabled")))
    def change_exporter(self, name: str, change: str) -> None:
        with suppress(ApiError):
            if change in ("deletion", "replacement"):
                self.world.delete("exporters", name)
            if change in ("creation", "replacement"):
                self.world.exporter(name, EXPORTERS[name])
            elif change in ("enabled", "disabled"):
                self.world.store.merge("exporters", name, {"spec": {"enabled": change == "enabled"}})

    @rule(name=_clients, change=st.sampled_from(("deletion", "creation", "replacement", "secret", "token")))
    def change_client(self, name: str, change: str) -> None:
        with suppress(ApiError):
            if change in ("deletion", "replacement"):
                self.world.revoke(name, "clients")
            if change in ("creation", "replacement"):
                self.world.client(name)
            elif change == "secret":
                self.world.revoke(name, "secrets")
            elif change == "token":
                self.world.replace_token(name)

    # exporters

    @rule(name=_exporters, trouble=st.sampled_from(("cut", "kill", "hang", "slow", "fail")))
    def trouble_exporter(self, name: str, trouble: str) -> None:
        board = self.world.board(name)
        match trouble:
            case "cut":
                board.disconnect()
            case "kill":
                board.kill()
            case "hang":
                board.hangs = True
            case "slow":
                board.slow = True
            case _:
                board.fail()

    @rule(name=_exporters, anew=st.booleans())
    def mend_exporter(self, name: str, anew: bool) -> None:
        board = self.world.board(name)
        if anew or not board.running:
            board.start()
        board.mend()
        self.world.connect(board)

    @rule(name=_exporters)
    def attend(self, name: str) -> None:
        self.world.board(name).attend()

    @rule(name=_exporters)
    def stay_attached(self, name: str) -> None:
        board = self.world.board(name)
        board.attached = bool(board.holding)
        board.attend()

    @rule(name=_exporters)
    def finish_hook(self, name: str) -> None:
        self.world.board(name).finish()

    # the API and the operator

    @rule(plural=st.sampled_from(PLURALS), cut=st.booleans())
    def break_watch(self, plural: str, cut: bool) -> None:
        (self.world.cut_watch if cut else self.world.resume_watch)(plural)

    @rule(plural=st.sampled_from(PLURALS), most=st.integers(1, 5))
    def deliver(self, plural: str, most: int) -> None:
        self.world.deliver(plural, most)

    @rule(trouble=st.sampled_from(("away", "losing", "none")))
    def trouble_api(self, trouble: str) -> None:
        self.world.api.away, self.world.api.losing_answers = trouble == "away", trouble == "losing"

    @rule(plural=st.sampled_from(("leases", "exporters")), name=_leases | _exporters, mark=st.integers(0, 3))
    def write_beside(self, plural: str, name: str, mark: int) -> None:
        """Somebody else writes: what was decided on the version before is refused."""
        with suppress(ApiError):
            self.world.store.merge(plural, name, {"metadata": {"labels": {"note": str(mark)}}})

    @rule()
    def restart_operator(self) -> None:
        if self.world.operating:
            self.world.kill_operator()
        self.world.start_operator()

    @rule(
        name=_leases,
        client=_clients,
        board=st.sampled_from(BOARDS),
        minutes=_minutes,
        turns=st.integers(1, 12),
    )
    def restart_operator_while_it_leases(self, name: str, client: str, board: str, minutes: int, turns: int) -> None:
        """What is claimed, and what exporters were told of and may have confirmed, no Lease may have told yet."""
        self._create(name, client, minutes, selector={"matchLabels": {"board": board}})
        self.run(turns, told=True)
        self._look()
        self.restart_operator()

    # and it runs

    @rule(rounds=st.integers(1, 30), told=st.booleans())
    def run(self, rounds: int, told: bool) -> None:
        for plural in PLURALS if told else ():
            self.world.deliver(plural, 100)
        self.world.loop.step(rounds)

    @rule(seconds=st.sampled_from((1, 6, 20, 40, 70, 300)))
    def pass_time(self, seconds: int) -> None:
        self.world.loop.advance(timedelta(seconds=seconds))

    @rule()
    def settle(self) -> None:
        for plural in PLURALS:
            self.world.deliver(plural, 100)
        self.world.loop.settle()

    @rule(seconds=st.sampled_from((0, 20, 60)))
    def calm(self, seconds: int) -> None:
        self._end_faults()
        self.world.loop.advance(timedelta(seconds=seconds))
        self._end_faults()

    @invariant()
    def nothing_that_must_not_be(self) -> None:
        if hasattr(self, "witness"):
            self._look()

    def teardown(self) -> None:
        try:
            if hasattr(self, "witness"):
                self._everyone_is_served()
        finally:
            self.world.close()

    def _everyone_is_served(self) -> None:
        self._everything_is_known()
        self._make_all_clients()
        self._start_all_boards()
        self.world.loop.advance(timedelta(minutes=3))  # a list comes in that time
        self._end_faults()
        self._nothing_is_stale()
        waiting = [each for each in self.world.all("leases") if "exporterRef" not in each["status"]]
        for _ in range(120):
            left = [lease for lease in self.world.all("leases") if not lease.get("status", {}).get("ended")]
            if not left:
                break
            self.world.loop.advance(timedelta(minutes=1))
            self._end_faults()
            self._look()
        assert not left, f"never over: {left}"
        for lease in waiting:
            uid = lease["metadata"]["uid"]
            served = uid in self.witness.ready or lease["spec"].get("release") or uid in self.world.lost
            assert served, f"never ready: {lease}"
        exporters = self.world.all("exporters")
        assert all("leaseRef" not in exporter["status"] for exporter in exporters), f"still claimed: {exporters}"

    def _everything_is_known(self) -> None:
        """What was deleted while no watch told of it is noticed by the next list, whatever the exporters do."""
        if not self.world.operating:
            self.world.start_operator()
        self._end_faults()
        self.world.loop.advance(timedelta(minutes=3))  # a list comes in that time
        self._end_faults()
        self._look()
        self.witness.look_at_rest()

    def _make_all_clients(self) -> None:
        for name in CLIENTS:
            with suppress(ApiError):
                self.world.client(name)
        self._end_faults()

    def _start_all_boards(self) -> None:
        for name, board in EXPORTERS.items():
            with suppress(ApiError):
                self.world.exporter(name, board)
            self.world.store.merge("exporters", name, {"spec": {"enabled": True}})
            self.world.board(name).start()
            self.world.board(name).disconnect()
        self._end_faults()

    def _look(self) -> None:
        try:
            self.witness.look()
        except AssertionError:
            note("\n".join(self.world.store.diary))
            raise

    def _nothing_is_stale(self) -> None:
        """What was deleted while no watch told of it is noticed without waiting for anybody's end."""
        living = {each["metadata"]["uid"] for each in self.world.all("leases") if not each["status"].get("ended")}
        for exporter in self.world.all("exporters"):
            claim = exporter["status"].get("leaseRef")
            assert claim is None or claim["uid"] in living, f"claimed by a lease that is gone: {exporter}"

    def _end_faults(self) -> None:
        self.world.api.away = self.world.api.losing_answers = False
        self.world.calm()

    def _create(self, name: str, client: str, minutes: int, **more: Any) -> None:
        with suppress(ApiError):
            self.world.lease(name, {"clientRef": {"name": client}, "duration": f"{minutes}m", **more})

    def _edit(self, name: str, spec: Plain) -> None:
        with suppress(ApiError):
            self.world.store.merge("leases", name, {"spec": spec})

    def _in_minutes(self, minutes: int) -> str:
        return format_instant((self.world.now + timedelta(minutes=minutes)).replace(microsecond=0))


TestFaultyLab = FaultyLab.TestCase
TestFaultyLab.pytestmark = [pytest.mark.timeout(max(900, STEPS // 10))]  # each step takes its time on a busy machine
TestFaultyLab.settings = settings(
    max_examples=STEPS // 40,
    stateful_step_count=STEPS_EACH,
    suppress_health_check=list(HealthCheck),
)
