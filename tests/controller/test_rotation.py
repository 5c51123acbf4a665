"""A token that was replaced: new calls need the new one, and open calls and streams end when its time is over."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from grpc import StatusCode

from jumplab.protocol.client_v1 import client_pb2
from jumplab_exporter.local_socket import ExpectedClients
from jumplab_operator.audit import credential_id
from jumplab_operator.controller.credentials import AcceptedTokens
from jumplab_operator.names import Name
from jumplab_operator.reconcile.context.callers import Callers
from jumplab_operator.router.switchboard import CREDENTIAL_REPLACED, StreamRefused, Switchboard
from jumplab_operator.router.tokens import Role, StreamClaims
from tests.controller.lab import NAMESPACE
from tests.controller.world import Controller, refused

LIST = client_pb2.ListExportersRequest(parent=f"namespaces/{NAMESPACE}")
CI = Name(NAMESPACE, "ci")
NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)


class _Wire:
    async def write(self, message: bytes) -> None:
        """Takes it."""


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


async def test_the_previous_token_lets_in_until_its_time_is_over(controller: Controller) -> None:
    lab, old = controller.lab, controller.lab.add_client("ci")
    lab.give_token("Client", lab.clients[CI])
    lab.previous["Client", CI] = old, controller.clock() + timedelta(minutes=10)
    async with controller.calling("Client", "ci", old) as (_, client):
        await client.ListExporters(LIST, timeout=20)
        controller.clock.ahead += timedelta(minutes=10)
        async with refused(StatusCode.UNAUTHENTICATED, "was replaced; use the new one"):
            await client.ListExporters(LIST, timeout=20)


async def test_calls_by_a_replaced_token_end_seconds_later() -> None:
    callers, changes = Callers(), list[tuple[str, frozenset[str]]]()
    callers.on_change(lambda uid, ended: changes.append((uid, ended)))
    callers.note_tokens("uid", AcceptedTokens("old"), NOW, "replaced")
    with callers.calling("uid", "old") as by_old, callers.calling("uid", "new") as by_new:
        callers.note_tokens("uid", AcceptedTokens("new"), NOW, "replaced")
        assert changes == [("uid", frozenset())]
        callers.end_replaced(after(4.9))
        assert not by_old.done()
        assert set(callers.credentials("uid", after(4.9))) == {credential_id("old"), credential_id("new")}
        callers.end_replaced(after(5))
        assert (await by_old, by_new.done()) == ("replaced", False)
        assert changes[1:] == [("uid", frozenset({credential_id("old")}))]
        assert callers.credentials("uid", after(5)) == (credential_id("new"),)
        with callers.calling("uid", "old") as late:  # it began before the replacement, and was slow
            callers.end_replaced(after(9))
            assert await late == "replaced"
        assert len(changes) == 2


async def test_calls_by_the_previous_token_end_with_the_overlap_whatever_operator_runs_by_then() -> None:
    tokens = AcceptedTokens("new", "old", after(600))
    for earlier in (True, False):
        callers = Callers()
        if earlier:
            callers.note_tokens("uid", AcceptedTokens("old"), NOW, "replaced")
        callers.note_tokens("uid", tokens, NOW, "replaced")
        with callers.calling("uid", "old") as by_old:
            callers.end_replaced(after(599))
            assert not by_old.done()
            callers.end_replaced(after(600))
            assert await by_old == "replaced"


async def test_the_router_cuts_the_streams_of_a_replaced_credential_alone() -> None:
    board = Switchboard(lambda: NOW)

    def claims(credential: str) -> StreamClaims:
        deadline = after(3600)
        return StreamClaims(
            f"session-{credential}", Role.CLIENT, "lease", "lab/lease", "ci", "exporter", deadline, after(60),
            credential=credential,
        )  # fmt: skip

    old, new = (board.register(claims(each), 0, _Wire()) for each in ("old", "new"))
    board.cut_credentials({"old"})
    assert (await old.ended, new.ended.done()) == (CREDENTIAL_REPLACED, False)
    board.unregister(old)
    with pytest.raises(StreamRefused) as refusal:
        board.register(claims("old"), 1, _Wire())
    assert refusal.value.ending == CREDENTIAL_REPLACED
    board.register(claims("new"), 1, _Wire())


async def test_the_exporters_socket_drops_the_clients_of_a_replaced_credential_alone() -> None:
    guests, dropped = ExpectedClients(), list[str]()
    guests.on_dropped = dropped.append
    tokens = {"old": "a", "new": "b", "unknown": ""}
    guests.expect([(sha256(token.encode()).digest(), credential) for token, credential in tokens.items()])
    for token in tokens:
        await guests.admit(token, f"session of {token}")
    guests.keep_only(())
    assert dropped == []
    guests.keep_only(("b",))
    assert dropped == ["session of old"]
    async with asyncio.timeout(240):
        await guests.admit("new", "session of new")
