"""SessionService: dialling and the client's stream 0 of the router in one call."""

from collections.abc import Sequence
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from grpc import aio

from jumplab.protocol.v1 import controller_pb2 as pb
from jumplab_operator.controller.access import own_lease
from jumplab_operator.controller.dialling import Dialler
from jumplab_operator.controller.interceptor import caller
from jumplab_operator.controller.lab import Lab, Name
from jumplab_operator.controller.refusals import BadRequest
from jumplab_operator.router.relay import Context, Router

SERVICE = "jumplab.v1.SessionService"

_REQUEST = "x-jumplab-dial-bin"
_ANSWER = "x-jumplab-dialled-bin"


class SessionService:
    """Answers from the lab, and hands the streams to the router; refuses by raising `refusals.Refusal`."""

    def __init__(self, lab: Lab, dialler: Dialler, router: Router) -> None:
        self._lab = lab
        self._dialler = dialler
        self._router = router

    def add_to(self, server: aio.Server) -> None:
        """Serves SessionService on `server`."""
        # Neither serializer nor deserializer, as at the router: messages stay bytes.
        handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_stream_rpc_method_handler(self._attach)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Attach": handler}),))

    async def _attach(self, _: object, context: Context) -> None:
        request = _request_in(list(context.invocation_metadata() or ()))
        lease = own_lease(self._lab, caller(), Name(caller().name.namespace, request.lease_name))
        dialled = self._dialler.dial(lease, request.member, request.machine)
        told = ((_ANSWER, dialled.answer.SerializeToString()),)
        if dialled.answer.local_socket:
            await context.send_initial_metadata(told)
        else:
            await self._router.serve(dialled.claims, 0, context, told=told)


def _request_in(metadata: Sequence[tuple[str, Any]]) -> pb.DialRequest:
    try:
        return pb.DialRequest.FromString(dict(metadata)[_REQUEST])
    except (KeyError, TypeError, DecodeError) as error:
        raise BadRequest(f"{_REQUEST} is missing or is no DialRequest; say which lease is to be attached to") from error
