"""The gRPC server of controller and router: one port, two trusts, since each service checks its own tokens."""

from jumplab.protocol.client_v1.client_pb2_grpc import add_ClientServiceServicer_to_server
from jumplab.protocol.grpc_loading import aio, grpc
from jumplab.protocol.v1.controller_pb2_grpc import add_ControllerServiceServicer_to_server
from jumplab.transport.channel import KEEPALIVE_OPTIONS, MAX_MESSAGE_BYTES
from jumplab_operator import descriptors
from jumplab_operator.audit import SILENT, OperatorAudit
from jumplab_operator.controller import unknown_calls
from jumplab_operator.controller.authentication import Authenticator
from jumplab_operator.controller.dialling import Dialler
from jumplab_operator.controller.interceptor import AuthenticationInterceptor
from jumplab_operator.controller.lab import Lab
from jumplab_operator.controller.services import session
from jumplab_operator.controller.services.client import ClientService
from jumplab_operator.controller.services.controller import ControllerService
from jumplab_operator.errors import PortUnavailable
from jumplab_operator.router.relay import Router

_GUARDED = frozenset({"jumplab.v1.ControllerService", "jumplab.client.v1.ClientService", session.SERVICE})

# A payload of a session has 8.25 MiB at most, a report of many drivers 4.
_MOST_RECEIVED_BYTES = 9 * 1024 * 1024

SERVER_OPTIONS: tuple[tuple[str, int], ...] = (
    *KEEPALIVE_OPTIONS,
    # Peers ping every three seconds; a server that takes that for abuse would hang up on them.
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 1_000),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", _MOST_RECEIVED_BYTES),
    # What a connection may send before it is read: gRPC's own measure of the path lets strangers fill memory.
    # It is enough for 80 MB/s through the router at 50 ms of delay.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 4 * 1024 * 1024),
    # Half a handshake, and a connection without a call, end by themselves. Clients connect anew with their next call.
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.max_connection_idle_ms", 120_000),
    # gRPC would cancel calls of anybody at random where many wait; here each caller has a rate of its own.
    ("grpc.server.max_pending_requests", 10_000),
    ("grpc.server.max_pending_requests_hard_limit", 20_000),
    # Two control planes on one port would share its connections between them.
    ("grpc.so_reuseport", 0),
)

Certificate = tuple[bytes, bytes]
"""A private key and its certificate chain, PEM."""


def controller_server(
    lab: Lab, authenticator: Authenticator, dialler: Dialler, router: Router, audit: OperatorAudit = SILENT
) -> aio.Server:
    """A server with all services; it has no port yet."""
    # The other half of the descriptors is for the Kubernetes API and for the operator itself.
    connections = ("grpc.max_allowed_incoming_connections", descriptors.limit() // 2)
    door = AuthenticationInterceptor(authenticator, _GUARDED, audit=audit)
    server = unknown_calls.server(interceptors=(door,), options=(*SERVER_OPTIONS, connections))
    add_ControllerServiceServicer_to_server(ControllerService(lab, dialler), server)
    add_ClientServiceServicer_to_server(ClientService(lab), server)
    session.SessionService(lab, dialler, router).add_to(server)
    router.add_to(server)
    return server


def listen(server: aio.Server, address: str, certificate: Certificate) -> int:
    """Adds a TLS port and returns its number. Raises PortUnavailable."""
    # Not grpc.dynamic_ssl_server_credentials: it calls Python from gRPC's threads, which can deadlock with grpc.aio.
    credentials = grpc.ssl_server_credentials([certificate])
    try:
        return server.add_secure_port(address, credentials)
    except RuntimeError as error:
        raise PortUnavailable(f"{address} can't be listened on; free it or choose another port") from error
