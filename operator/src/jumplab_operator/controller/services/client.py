"""ClientService: exporters and leases as clients see them."""

# ruff: noqa: N802 - the methods' names are the wire's

from collections.abc import AsyncIterator
from typing import Any

from google.protobuf.empty_pb2 import Empty

from jumplab.protocol.client_v1 import client_pb2 as pb
from jumplab.protocol.client_v1.client_pb2_grpc import ClientServiceServicer
from jumplab.protocol.grpc_loading import aio
from jumplab_operator.controller.access import (
    check_quota,
    own_lease,
    require_kind,
    require_namespace,
    visible_exporter,
    visible_lease,
)
from jumplab_operator.controller.authentication import bearer_token
from jumplab_operator.controller.explanations import QUEUE_LIMIT, explanation_message, queued_message
from jumplab_operator.controller.interceptor import caller, text_metadata
from jumplab_operator.controller.lab import Lab
from jumplab_operator.controller.lease_requests import new_spec, spec_changes
from jumplab_operator.controller.messages import (
    driver_reports,
    exporter_message,
    history_message,
    in_force,
    lease_message,
    timestamp,
)
from jumplab_operator.controller.names import parse_parent, parse_resource
from jumplab_operator.controller.paging import page
from jumplab_operator.controller.refusals import BadRequest, NoSuchThing, NotAllowed
from jumplab_operator.controller.selectors import parse_selector
from jumplab_operator.leasing.model import lease_ownership
from jumplab_operator.leasing.model.selectors import matches
from jumplab_operator.names import Name
from jumplab_operator.resources import Lease

Context = aio.ServicerContext[Any, Any]


class ClientService(ClientServiceServicer):
    """Answers from the lab; refuses by raising `refusals.Refusal`."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    async def GetExporter(self, request: pb.GetExporterRequest, _: Context) -> pb.Exporter:
        require_kind(caller(), "Client")
        exporter = visible_exporter(self._lab, caller(), parse_resource("exporters", request.name))
        message = exporter_message(exporter)
        message.drivers.extend(driver_reports(exporter))
        return message

    async def ListExporters(self, request: pb.ListExportersRequest, _: Context) -> pb.ListExportersResponse:
        namespace = self._own_namespace(request.parent)
        selector = parse_selector(request.filter)
        found = [each for each in self._lab.exporters(namespace) if matches(selector, each.metadata.labels)]
        messages, next_token = page(found, exporter_message, request.page_size, request.page_token)
        return pb.ListExportersResponse(exporters=messages, next_page_token=next_token)

    def _message(self, lease: Lease) -> pb.Lease:
        return lease_message(lease, self._lab.remaining(lease))

    async def GetLease(self, request: pb.GetLeaseRequest, _: Context) -> pb.Lease:
        require_kind(caller(), "Client")
        return self._message(visible_lease(self._lab, caller(), parse_resource("leases", request.name)))

    async def WatchLease(self, request: pb.GetLeaseRequest, _: Context) -> AsyncIterator[pb.Lease]:
        require_kind(caller(), "Client")
        name = parse_resource("leases", request.name)
        visible_lease(self._lab, caller(), name)
        async for lease in self._lab.watch_lease(name):
            yield self._message(lease)
        raise NoSuchThing(f'lease "{name.name}" in namespace "{name.namespace}" has been deleted')

    async def ExplainLease(self, request: pb.GetLeaseRequest, _: Context) -> pb.LeaseExplanation:
        require_kind(caller(), "Client")
        lease = visible_lease(self._lab, caller(), parse_resource("leases", request.name))
        return explanation_message(lease, self._lab.explain(lease), self._lab.remaining(lease))

    async def ListQueue(self, request: pb.ListQueueRequest, _: Context) -> pb.ListQueueResponse:
        namespace = self._own_namespace(request.parent)
        found = await self._lab.queue(namespace, parse_selector(request.filter), QUEUE_LIMIT + 1)
        messages = map(queued_message, found[:QUEUE_LIMIT])
        return pb.ListQueueResponse(leases=messages, more=len(found) > QUEUE_LIMIT)

    async def ListLeases(self, request: pb.ListLeasesRequest, _: Context) -> pb.ListLeasesResponse:
        namespace = self._own_namespace(request.parent)
        by_label, by_tag = parse_selector(request.filter), parse_selector(request.tag_filter)
        only_active = request.only_active if request.HasField("only_active") else True
        found = [
            each
            for each in (self._lab.active_leases if only_active else self._lab.leases)(namespace)
            if matches(by_label, each.metadata.labels) and matches(by_tag, in_force(each).tags)
        ]
        messages, next_token = page(found, self._message, request.page_size, request.page_token)
        return pb.ListLeasesResponse(leases=messages, next_page_token=next_token)

    async def GetHistory(self, request: pb.GetExporterRequest, _: Context) -> pb.ExporterHistory:
        require_kind(caller(), "Client")
        return history_message(visible_exporter(self._lab, caller(), parse_resource("exporters", request.name)))

    async def CreateLease(self, request: pb.CreateLeaseRequest, _: Context) -> pb.Lease:
        namespace, client = self._own_namespace(request.parent), caller().name.name
        asked_for = request.lease.client and parse_resource("clients", request.lease.client).name
        refused = lease_ownership.creation_refusal(client, asked_for or client)
        if refused:
            raise NotAllowed(refused)
        check_quota(self._lab, caller().name)
        spec = new_spec(client, request.lease)
        return self._message(await self._lab.create_lease(namespace, request.lease_id or None, spec))

    async def UpdateLease(self, request: pb.UpdateLeaseRequest, _: Context) -> pb.Lease:
        name = parse_resource("leases", request.lease.name)
        lease = own_lease(self._lab, caller(), name)
        changes = spec_changes(request)
        heir = changes.get("clientRef", {}).get("name")
        if heir and self._lab.client(Name(name.namespace, heir)) is None:
            raise BadRequest(f'there is no client "{heir}" in namespace "{name.namespace}" to transfer the lease to')
        accepted = lease.status.accepted is not None
        if heir and (refused := lease_ownership.transfer_refusal(caller().name.name, heir, accepted=accepted)):
            raise NotAllowed(refused)
        return self._message(await self._lab.edit_lease(name, changes))

    async def DeleteLease(self, request: pb.DeleteLeaseRequest, _: Context) -> Empty:
        name = parse_resource("leases", request.name)
        own_lease(self._lab, caller(), name, request.uid)
        await self._lab.release_lease(name)
        return Empty()

    async def RotateToken(self, request: pb.RotateTokenRequest, context: Context) -> pb.RotateTokenResponse:
        self._own_namespace(request.parent)
        presented = bearer_token(text_metadata(context.invocation_metadata() or ()))
        token, expires = await self._lab.rotate_client_token(caller().name, presented)
        return pb.RotateTokenResponse(token=token, expiry=timestamp(expires) if expires else None)

    def _own_namespace(self, parent: str) -> str:
        require_kind(caller(), "Client")
        namespace = parse_parent(parent)
        require_namespace(caller(), namespace)
        return namespace
