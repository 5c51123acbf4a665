"""ControllerService: what exporters, and clients of Jumpstarter's first API, ask."""

# ruff: noqa: N802 - the methods' names are the wire's

import asyncio
from typing import Any

from jumplab.protocol.grpc_loading import aio
from jumplab.protocol.v1 import controller_pb2 as pb
from jumplab.protocol.v1.controller_pb2_grpc import ControllerServiceServicer
from jumplab_operator.controller import messages, report_limits
from jumplab_operator.controller.access import check_quota, own_lease, require_kind, visible_lease
from jumplab_operator.controller.dialling import Dialler
from jumplab_operator.controller.interceptor import caller, caller_credential
from jumplab_operator.controller.lab import Lab, StatusReport
from jumplab_operator.controller.lease_requests import duration_field
from jumplab_operator.controller.log_access import lease_of_logs
from jumplab_operator.controller.messages import in_force
from jumplab_operator.controller.offers import Listener, SocketAddress
from jumplab_operator.controller.presence import StatusStream
from jumplab_operator.controller.refusals import NotServed
from jumplab_operator.names import Name

Context = aio.ServicerContext[Any, Any]


class ControllerService(ControllerServiceServicer):
    """Answers from the lab; refuses by raising `refusals.Refusal`."""

    def __init__(self, lab: Lab, dialler: Dialler) -> None:
        self._lab = lab
        self._dialler = dialler

    async def Register(self, request: pb.RegisterRequest, _: Context) -> pb.RegisterResponse:
        exporter = caller()
        require_kind(exporter, "Exporter")
        report_limits.check_reports(request.reports)
        labels, devices = dict(request.labels), messages.device_fields(request.reports)
        resource = self._lab.exporter(exporter.name)
        report_limits.check_labels(labels, resource.metadata.labels if resource else {})
        report_limits.check_devices(devices)
        await self._lab.register(exporter.name, labels, devices)
        return pb.RegisterResponse(uuid=exporter.uid)

    async def Unregister(self, request: pb.UnregisterRequest, _: Context) -> pb.UnregisterResponse:
        require_kind(caller(), "Exporter")
        await self._lab.say_goodbye(caller().name, report_limits.shortened(request.reason))
        return pb.UnregisterResponse()

    async def ReportStatus(self, request: pb.ReportStatusRequest, _: Context) -> pb.ReportStatusResponse:
        require_kind(caller(), "Exporter")
        report = StatusReport(
            status=messages.phase_of(request.status),
            message=report_limits.shortened(request.message),
            lease_uid=request.lease_uid,
            epoch=request.epoch,
            release_lease=request.release_lease,
            health=messages.found_of(request.health),
            attached=request.attached if request.HasField("attached") else None,
            attachments=request.attachments,
            in_use=request.in_use,
        )
        await self._lab.report(caller().name, report)
        return pb.ReportStatusResponse()

    async def Listen(self, _request: pb.ListenRequest, _: Context) -> None:  # type: ignore[override] # may be a coroutine, too
        raise NotServed("this controller announces dials on the Status stream (offers), not by Listen")

    async def Status(self, request: pb.StatusRequest, context: Context) -> None:  # type: ignore[override] # may be a coroutine, too
        require_kind(caller(), "Exporter")
        local_socket = (
            SocketAddress(request.machine, request.local_socket) if request.machine and request.local_socket else None
        )
        listener = Listener(asyncio.Event(), caller_credential(), local_socket, request.serves_logs)
        await StatusStream(self._lab, self._dialler.offers, caller(), listener, context.write).run()

    async def Dial(self, request: pb.DialRequest, _: Context) -> pb.DialResponse:
        lease = own_lease(self._lab, caller(), self._named(request.lease_name), request.lease_uid)
        return self._dialler.dial(lease, caller_credential(), request.member, request.machine).answer

    async def DialLogs(self, request: pb.DialLogsRequest, _: Context) -> pb.DialResponse:
        lease = lease_of_logs(self._lab, caller(), self._named(request.lease_name))
        return self._dialler.dial_logs(lease, caller_credential(), request.member)

    async def GetLease(self, request: pb.GetLeaseRequest, _: Context) -> pb.GetLeaseResponse:
        lease = visible_lease(self._lab, caller(), self._named(request.name))
        names, asking = lease.status.exporter_names, caller().name.name
        assigned = asking if asking in names and caller().kind == "Exporter" else next(iter(names), None)
        exporter = self._lab.exporter(Name(lease.namespace, assigned)) if assigned else None
        return messages.lease_answer(lease, exporter, self._lab.remaining(lease))

    async def RequestLease(self, request: pb.RequestLeaseRequest, _: Context) -> pb.RequestLeaseResponse:
        require_kind(caller(), "Client")
        spec: dict[str, Any] = {
            "clientRef": {"name": caller().name.name},
            "selector": messages.selector_fields(request.selector),
        }
        if request.HasField("duration"):
            spec["duration"] = duration_field(request.duration)
        check_quota(self._lab, caller().name)
        lease = await self._lab.create_lease(caller().name.namespace, None, spec)
        return pb.RequestLeaseResponse(name=lease.name)

    async def ReleaseLease(self, request: pb.ReleaseLeaseRequest, _: Context) -> pb.ReleaseLeaseResponse:
        lease = own_lease(self._lab, caller(), self._named(request.name))
        await self._lab.release_lease(Name(lease.namespace, lease.name))
        return pb.ReleaseLeaseResponse()

    async def ListLeases(self, _request: pb.ListLeasesRequest, _: Context) -> pb.ListLeasesResponse:
        require_kind(caller(), "Client")
        holder = caller().name
        leases = self._lab.active_leases(holder.namespace)
        own = [each.name for each in leases if in_force(each).client_ref.name == holder.name]
        return pb.ListLeasesResponse(names=sorted(own))

    async def GetServiceEndpoints(
        self, _request: pb.GetServiceEndpointsRequest, _: Context
    ) -> pb.GetServiceEndpointsResponse:
        return pb.GetServiceEndpointsResponse()

    def _named(self, name: str) -> Name:
        """A name in the caller's namespace."""
        return Name(caller().name.namespace, name)
