"""SessionService: either end's stream 0 of the router in the call that identifies it."""

from collections.abc import Sequence
from typing import Any

from google.protobuf.message import DecodeError

from jumplab.protocol.grpc_loading import aio, grpc
from jumplab.protocol.v1 import controller_pb2 as pb
from jumplab_operator.controller.access import own_lease, require_kind
from jumplab_operator.controller.dialling import Dialler
from jumplab_operator.controller.interceptor import caller, caller_credential
from jumplab_operator.controller.lab import Lab
from jumplab_operator.controller.refusals import BadRequest, NotPossibleNow
from jumplab_operator.names import Name
from jumplab_operator.router.relay import Context, Router

SERVICE = "jumplab.v1.SessionService"

_REQUEST = "x-jumplab-dial-bin"
_ANSWER = "x-jumplab-dialled-bin"
_LEASE = "x-jumplab-lease"
_OFFER = "x-jumplab-offer-bin"


class SessionService:
    """Answers from the lab, and hands the streams to the router; refuses by raising `refusals.Refusal`."""

    def __init__(self, lab: Lab, dialler: Dialler, router: Router) -> None:
        self._lab = lab
        self._dialler = dialler
        self._router = router

    def add_to(self, server: aio.Server) -> None:
        """Serves SessionService on `server`."""
        # Neither serializer nor deserializer, as at the router: messages stay bytes.
        methods = {"Attach": self._attach, "Await": self._await}
        handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            name: grpc.stream_stream_rpc_method_handler(method) for name, method in methods.items()
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        server.add_registered_method_handlers(SERVICE, handlers)

    async def _attach(self, _: object, context: Context) -> None:
        request = _request_in(list(context.invocation_metadata() or ()))
        name = Name(caller().name.namespace, request.lease_name)
        lease = own_lease(self._lab, caller(), name, request.lease_uid)
        dialled = self._dialler.dial(lease, caller_credential(), request.member, request.machine)
        metadata = ((_ANSWER, dialled.answer.SerializeToString()),)
        if dialled.answer.local_socket:
            await context.send_initial_metadata(metadata)
        else:
            await self._router.serve(dialled.claims, 0, context, metadata=metadata)

    async def _await(self, _: object, context: Context) -> None:
        require_kind(caller(), "Exporter")
        lease_uid = str(dict(context.invocation_metadata() or ()).get(_LEASE, ""))
        self._check_claim(lease_uid)
        with self._dialler.standby_streams.opened(caller().uid, lease_uid, caller_credential()) as standby:
            # Without a bound: it ends with the lease, or with the connection.
            match = await standby.match
        if match is None:
            raise NotPossibleNow("the lease has ended, or another stream for its next client was opened")
        offer = pb.RouterOffer(router_endpoint=self._dialler.router_endpoint, router_token=match.token)
        await self._router.serve(match.claims, 0, context, metadata=((_OFFER, offer.SerializeToString()),))

    def _check_claim(self, lease_uid: str) -> None:
        exporter = self._lab.exporter(caller().name)
        claim = exporter.status.lease_ref if exporter is not None else None
        if claim is None or claim.uid != lease_uid:
            raise NotPossibleNow(f'exporter "{caller().name.name}" is not leased by the lease of uid "{lease_uid}"')


def _request_in(metadata: Sequence[tuple[str, Any]]) -> pb.DialRequest:
    try:
        return pb.DialRequest.FromString(dict(metadata)[_REQUEST])
    except (KeyError, TypeError, DecodeError) as error:
        raise BadRequest(f"{_REQUEST} is missing or is not a DialRequest; name the lease to attach to") from error
