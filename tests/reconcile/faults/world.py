"""A lab that goes wrong on demand: the store, one operator at a time, its watches, and the exporters."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from jumplab_operator.kube.kopf_watch import OnEvent
from jumplab_operator.kube.object_store import KINDS
from jumplab_operator.names import Name
from jumplab_operator.reconcile.composition.compose import lab_over
from jumplab_operator.reconcile.composition.lab_service import LabService
from jumplab_operator.reconcile.context.settings import LabSettings
from tests.reconcile.faults.api import NAMESPACE, FaultyApi, Plain, Store
from tests.reconcile.faults.boards import Board
from tests.reconcile.faults.virtual_time import VirtualClock, VirtualLoop
from tests.reconcile.world import Tokens

_KINDS = {kind.PLURAL: kind for kind in KINDS}
NOTICE = timedelta(seconds=30)
SETTINGS = LabSettings(
    endpoint="lab:7444",
    connection_grace=timedelta(seconds=5),
    return_within=timedelta(seconds=15),
    preemption_notice=NOTICE,
    relist_every=timedelta(minutes=2),
    check_credentials_every=timedelta(minutes=1),
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the lab's one access policy says."""

    priorities: dict[str, int]
    """Of the clients."""
    most_leases: int | None = None
    most_exporters: int | None = None
    spot: bool = False
    """Whether leases may be ended for others of higher priority."""


class FaultyWorld:
    """Everything stands still until it is let run: `loop.step`, `loop.settle`, `loop.advance`, `calm`."""

    namespace = NAMESPACE
    settings = SETTINGS

    def __init__(self, loop: VirtualLoop | None = None) -> None:
        self.loop = loop or VirtualLoop()
        asyncio.set_event_loop(self.loop)
        self.clock = VirtualClock(self.loop)
        self.store = self.new_store()
        self.boards: dict[str, Board] = {}
        self.lab: LabService | None = None
        self.api = self.new_api()
        self._tokens = Tokens()
        self._numbers = itertools.count()
        self._operator: asyncio.Task[None] | None = None
        self._on_event: OnEvent | None = None
        self._seen: dict[str, int] = {}
        self._blind: set[str] = set()
        self.lost: set[str] = set()
        """The uids of the leases whose client, or its Secret, was deleted since they were made, or a moment before."""
        self._revoked: set[str] = set()
        """The clients of whom one was ever deleted."""

    def new_store(self) -> Store:
        return Store(self.clock.now)

    def new_api(self) -> FaultyApi:
        """The way of the next operator to the store."""
        return FaultyApi(self.store)

    @property
    def now(self) -> datetime:
        return self.clock.now()

    # what people do

    def exporter(self, name: str, board: str) -> Plain:
        return self.store.create("exporters", {"metadata": {"name": name, "labels": {"board": board}}, "spec": {}})

    def client(self, name: str) -> Plain:
        return self.store.create("clients", {"metadata": {"name": name, "labels": {"team": name}}, "spec": {}})

    def lease(self, name: str, spec: Plain) -> Plain:
        """A lease that can be told from all others, those of its name too."""
        context = {"number": str(next(self._numbers))}
        made = self.store.create("leases", {"metadata": {"name": name}, "spec": {**spec, "context": context}})
        if not self._is_surely_of(made, spec["clientRef"]["name"]):
            self._note_lost(made, spec["clientRef"]["name"])
        return made

    def _is_surely_of(self, lease: Plain, client: str) -> bool:
        """Whether no operator can take the lease for the client's that was revoked last."""
        there = self.store.objects["clients"].get(client, {})
        credential = there.get("status", {}).get("credential")
        if credential is None or credential["uid"] != self.secret_uid(client):
            return False
        since = max(there["metadata"]["creationTimestamp"], credential["creationTime"])
        return bool(lease["metadata"]["creationTimestamp"] > since)

    def hand_over(self, name: str, client: str) -> None:
        """Gives a lease to a client; an operator may not have heard yet that it is another. Raises ApiError."""
        self._note_lost(self.store.merge("leases", name, {"spec": {"clientRef": {"name": client}}}), client)

    def _note_lost(self, lease: Plain, client: str) -> None:
        if client in self._revoked:
            self.lost.add(lease["metadata"]["uid"])

    def policy(self, rules: Rules) -> Plain:
        limits = {"maximumLeases": rules.most_leases, "maximumExporters": rules.most_exporters}
        terms = {"spotAccess": rules.spot, **{key: most for key, most in limits.items() if most is not None}}
        policies = [
            {"from": [{"clientSelector": {"matchLabels": {"team": name}}}], "priority": priority, **terms}
            for name, priority in rules.priorities.items()
        ]
        spec = {"exporterSelector": {}, "policies": policies}
        return self.store.create("exporteraccesspolicies", {"metadata": {"name": "all"}, "spec": spec})

    def delete(self, plural: str, name: str) -> None:
        self.store.delete(plural, name)

    def revoke(self, client: str, plural: str) -> None:
        """Deletes a client, or its Secret. Raises ApiError."""
        self.delete(plural, client if plural == "clients" else secret_of(client))
        self._revoked.add(client)
        self.lost |= {lease["metadata"]["uid"] for lease in self.all("leases") if client in clients_of(lease)}

    def replace_token(self, client: str) -> None:
        """Has a new token made in the same Secret. Raises ApiError."""
        self.store.merge("secrets", secret_of(client), {"data": {"token": None}})

    def secret_uid(self, client: str) -> str:
        """The uid of a client's Secret; empty where there is none."""
        secret = self.store.objects["secrets"].get(secret_of(client))
        return str(secret["metadata"]["uid"]) if secret is not None else ""

    def all(self, plural: str) -> list[Plain]:
        return list(self.store.objects[plural].values())

    # the operator

    def start_operator(self) -> None:
        self.api = self.new_api()
        self._blind.clear()
        self._seen.clear()
        self._operator = self.loop.create_task(self._operate(self.api), name="operator")

    async def _operate(self, api: FaultyApi) -> None:
        async with lab_over(api, self._watch, self.settings, self._tokens, self.clock) as lab:
            self.lab = lab
            await asyncio.Event().wait()  # until it is killed

    async def _watch(self, on_event: OnEvent) -> None:
        self._on_event = on_event
        for plural in self._names_of_kinds():
            self._list(plural)
        await asyncio.Event().wait()

    def kill_operator(self) -> None:
        """Nothing that it still wants to write is written; the exporters lose their connections."""
        self.api.dead = True
        for board in self.boards.values():
            board.disconnect()
        if self._operator is not None:
            self._operator.cancel()
        self.lab = self._on_event = None
        self.loop.settle()
        self._operator = None

    @property
    def operating(self) -> bool:
        assert self._operator is None or not self._operator.done(), "the operator has ended by itself"
        return self._operator is not None

    # the watches

    def deliver(self, plural: str, most: int) -> None:
        """Tells the operator of the next changes of a kind."""
        if self._on_event is None or plural in self._blind or plural not in self._seen:
            return
        for change, plain in self.store.news[plural][self._seen[plural] :][:most]:
            self._seen[plural] += 1
            self._on_event(_KINDS[plural], change, plain)

    def cut_watch(self, plural: str) -> None:
        """What happens from now on no watch tells."""
        self._blind.add(plural)

    def resume_watch(self, plural: str) -> None:
        """The watch is back: it lists what is there, as kopf does, and knows nothing of what is gone."""
        if plural in self._blind:
            self._blind.discard(plural)
            self._list(plural)

    def is_told(self) -> bool:
        """Whether the operator has been told of everything."""
        return all(self._seen.get(plural) == len(news) for plural, news in self.store.news.items())

    def _list(self, plural: str) -> None:
        if self._on_event is not None:
            self._seen[plural] = len(self.store.news[plural])
            for plain in self.all(plural):
                self._on_event(_KINDS[plural], None, plain)

    def _names_of_kinds(self) -> list[str]:
        return sorted(_KINDS)

    # the exporters

    def connect(self, board: Board) -> None:
        if self.lab is not None:
            board.connect(self.lab)

    def connect_all(self) -> None:
        """Those whose connection is lost come back by themselves."""
        for board in self.boards.values():
            if not board.connected:
                self.connect(board)

    # no faults any more

    def calm(self) -> None:
        """Whatever can happen without time passing happens, with all watches told."""
        assert self.operating, "nobody decides"
        for _ in range(100):
            self.loop.settle()
            if self.lab is None:  # it waits for an API that was away at its start
                self.loop.advance(timedelta(seconds=1))
            self.connect_all()
            for plural in self._names_of_kinds():
                self.resume_watch(plural)
                self.deliver(plural, len(self.store.news[plural]))
            if not self.loop.step(1) and self.is_told():
                return
        told = "\n".join(self.store.diary[-12:])
        raise AssertionError(f"the operator writes without end: {told}")

    def board(self, name: str) -> Board:
        return self.boards.setdefault(name, Board(Name(self.namespace, name), self.loop))

    def close(self) -> None:
        """Ends everything."""
        if self._operator is not None:
            self.kill_operator()
        for board in self.boards.values():
            board.kill()
        self.loop.settle()
        left = [task for task in asyncio.all_tasks(self.loop) if not task.done()]
        assert not left, f"tasks left behind: {[task.get_name() for task in left]}"
        self.loop.close()
        asyncio.set_event_loop(None)


def secret_of(client: str) -> str:
    return f"{client}-client"


def clients_of(lease: Plain) -> set[str]:
    """The clients that a lease is or is to be held by."""
    specs = (lease["spec"], lease.get("status", {}).get("accepted"))
    return {spec["clientRef"]["name"] for spec in specs if spec is not None}


def conditions(plain: Plain) -> dict[str, Any]:
    """The conditions by their types."""
    return {each["type"]: each for each in plain.get("status", {}).get("conditions", [])}
