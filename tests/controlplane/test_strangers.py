"""Whoever has no token costs the control plane nothing worth mentioning."""

import asyncio
from pathlib import Path

import grpc
from grpc import aio

from jumplab.protocol.v1.controller_pb2 import DialRequest
from jumplab.transport.channel import open_channel
from jumplab.transport.endpoint import Endpoint, Tls
from tests.controlplane.conftest import Plane

CALLS = 60
MESSAGE_BYTES = 15 * 1024 * 1024


def peak_bytes(process_id: int) -> int:
    """The most memory that a process has had so far."""
    lines = Path(f"/proc/{process_id}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


async def test_large_messages_with_a_nonsense_token_are_not_taken_in(plane: Plane) -> None:
    port, ca = (plane.data_dir / "grpc-port").read_text().strip(), (plane.data_dir / "ca.crt").read_bytes()
    message = DialRequest(lease_name="x" * MESSAGE_BYTES).SerializeToString()
    before = peak_bytes(plane.process.pid)
    async with open_channel(Endpoint(f"127.0.0.1:{port}", Tls(ca)), token="nonsense") as channel:
        dial = channel.unary_unary("/jumplab.v1.ControllerService/Dial")
        answers = await asyncio.gather(*(dial(message) for _ in range(CALLS)), return_exceptions=True)
    for answer in answers:
        assert isinstance(answer, aio.AioRpcError)
        assert answer.code() is grpc.StatusCode.UNAUTHENTICATED
        assert "this controller did not issue the token" in (answer.details() or "")
    assert peak_bytes(plane.process.pid) - before < CALLS * MESSAGE_BYTES / 24
