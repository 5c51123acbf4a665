"""Opens gRPC channels: TLS, identity, keepalive and sizes, the same for everyone."""

import socket
import ssl
from functools import cache
from typing import Any

from jumplab.protocol.grpc_loading import aio, grpc
from jumplab.transport.endpoint import Endpoint, Identity, bearer
from jumplab.transport.errors import CertificateRejected, Unreachable, is_out_of_date, out_of_date
from jumplab.transport.metadata_channel import MetadataChannel
from jumplab.transport.proxies import host_of, is_loopback, proxy_for
from jumplab.transport.renewed_channel import RenewedChannel

# Envelopes are 256 KiB; an exporter's report of many drivers with their schemas is larger.
MAX_MESSAGE_BYTES = 16 * 1024 * 1024

# A peer that vanishes without a word is noticed within 8 s. Servers must permit such pings. What counts on servers is
# ping_timeout_ms (a minute by default, grpcio 1.85): keepalive_timeout_ms alone never fires there.
KEEPALIVE_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.keepalive_time_ms", 3_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.ping_timeout_ms", 5_000),
    ("grpc.http2.max_pings_without_data", 0),
)

_CHANNEL_OPTIONS: tuple[tuple[str, int], ...] = (
    *KEEPALIVE_OPTIONS,
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 5_000),
)

_SHOWING_BOUND_SECONDS = 5.0


def open_channel(
    endpoint: Endpoint, *, identity: Identity | None = None, token: str | None = None, own_connection: bool = False
) -> aio.Channel:
    """A channel to `endpoint`; it connects with its first call, reconnects by itself, and is closed by its owner.

    Each call carries `identity`, or the bearer `token` alone, or nothing. own_connection: shares no connection with
    other channels of this process (for bulk data). With `tls.insecure` the certificate is asked for here and now, which
    takes up to five seconds; raises Unreachable where none is shown.
    """
    options: list[tuple[str, int | str]] = list(_CHANNEL_OPTIONS)
    if own_connection:
        options.append(("grpc.use_local_subchannel_pool", 1))
    if is_loopback(host_of(endpoint.address)):
        options.append(("grpc.enable_http_proxy", 0))  # gRPC itself asks a proxy for this machine, too

    def open_for(roots: bytes | None) -> aio.Channel:
        return aio.secure_channel(endpoint.address, _credentials(roots), options=options)

    if endpoint.tls.insecure:
        roots, name = fetch_certificate(endpoint.address)
        options.append(("grpc.ssl_target_name_override", name))
        channel = open_for(roots)
    elif endpoint.tls.ca_now is not None:
        channel = RenewedChannel(open_for, endpoint.tls.ca_now)
    else:
        channel = open_for(endpoint.tls.ca_pem)
    metadata = identity.metadata() if identity else bearer(token) if token else ()
    return MetadataChannel(channel, lambda: metadata) if metadata else channel


@cache
def _credentials(roots: bytes | None) -> grpc.ChannelCredentials:
    """The same object for the same roots: gRPC lets only channels with the same one share a connection."""
    return grpc.ssl_channel_credentials(root_certificates=roots)


def fetch_certificate(address: str) -> tuple[bytes, str]:
    """The certificate that a server shows, as PEM, and a name that it is for.

    Raises Unreachable where nothing speaks TLS, CertificateRejected where the certificate isn't valid now.
    """
    host, _, port = address.rpartition(":")
    try:
        host_and_port = (host.strip("[]"), int(port))
        pem = ssl.get_server_certificate(host_and_port, timeout=_SHOWING_BOUND_SECONDS)
        return pem.encode(), _name_in(pem, host_and_port) or host_and_port[0]
    except ssl.SSLCertVerificationError as error:
        if is_out_of_date(error.verify_message):
            raise CertificateRejected(out_of_date(address, error.verify_message)) from error
        raise CertificateRejected(
            f"the certificate of {address} can't be used even without checking who signed it: {error.verify_message}"
        ) from error
    except (OSError, ValueError) as error:
        proxy = proxy_for(address)
        around = f"; with tls.insecure it is asked without the proxy that {proxy.variable} names" if proxy else ""
        raise Unreachable(
            f'{address} shows no certificate ({error}); check that it runs, and "endpoint"{around}'
        ) from error


def _name_in(pem: str, host_and_port: tuple[str, int]) -> str | None:
    """The first name that the certificate is for; None where it has none.

    The standard library reads a certificate's names only where it trusts it: hence a second look, trusting this one.
    """
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    trusting.load_verify_locations(cadata=pem)
    with (
        socket.create_connection(host_and_port, timeout=_SHOWING_BOUND_SECONDS) as plain,
        trusting.wrap_socket(plain, server_hostname=host_and_port[0]) as secured,
    ):
        certificate: Any = secured.getpeercert()
    alternatives = [value for _, value in certificate.get("subjectAltName", ())]
    subject = dict(pair for group in certificate["subject"] for pair in group)
    return next(iter(alternatives), subject.get("commonName"))
