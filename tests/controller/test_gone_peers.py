"""A peer that goes in the middle of a call leaves no traceback in the log."""

import asyncio
import logging
from typing import Any

import pytest

from jumplab.protocol.client_v1 import client_pb2
from jumplab.protocol.grpc_loading import aio
from tests.controller.lab import NAMESPACE
from tests.controller.world import Controller

SOON = 240
"""Seconds; a bound that only a hang reaches."""
REQUEST = client_pb2.ListQueueRequest(parent=f"namespaces/{NAMESPACE}")


async def test_an_answer_that_nobody_waits_for_is_no_fault(
    controller: Controller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    answering = asyncio.get_running_loop().create_future()

    async def fail_when_the_peer_has_gone(*_: Any) -> None:
        answering.set_result(asyncio.current_task())
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise aio.InternalError("as where gRPC fails to send something") from None

    monkeypatch.setattr(controller.lab, "queue", fail_when_the_peer_has_gone, raising=False)
    token = controller.lab.add_client("ci")
    with caplog.at_level(logging.WARNING):
        async with asyncio.timeout(SOON), controller.calling("Client", "ci", token) as (_, client):
            call = client.ListQueue(REQUEST)
            waiting = asyncio.create_task(call.code())
            task = await answering
            call.cancel()
            await asyncio.wait({task, waiting})
    assert [record.getMessage() for record in caplog.records] == []
