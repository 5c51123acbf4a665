"""Puts a control plane together: operator, controller and router around one Kubernetes API, in one process.

The controller and the router share one gRPC port: each checks tokens of its own kind, and a peer needs one hole in a
firewall. `one_machine` brings the Kubernetes API along; `in_cluster` uses one that is there.
"""

import asyncio
import logging
import secrets
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from jumplab.protocol.grpc_loading import aio
from jumplab.transport.proxies import is_loopback
from jumplab.yaml_documents import read_document
from jumplab_operator.audit import SILENT, OperatorAudit, credential_id
from jumplab_operator.authority import Authority
from jumplab_operator.clock import STEP, TIME, SystemClock, now
from jumplab_operator.controller.auditing import CallAudit
from jumplab_operator.controller.authentication import Authenticator
from jumplab_operator.controller.credentials import AcceptedTokens, CredentialIssuer, accepted_tokens, secret_name
from jumplab_operator.controller.dialling import Dialler
from jumplab_operator.controller.keys import Keys
from jumplab_operator.controller.lab import Lab
from jumplab_operator.controller.offers import Offers
from jumplab_operator.controller.served_certificate import (
    CertificateFiles,
    CertificateSource,
    Follow,
    OwnCertificate,
    Served,
)
from jumplab_operator.controller.server import controller_server
from jumplab_operator.controller.serving import Serving
from jumplab_operator.controller.standby_streams import StandbyStreams
from jumplab_operator.errors import ApiError, DataDirUnusable, PortUnavailable
from jumplab_operator.kept_keys import SecretAuthority, keys_in_secret, stored_keys
from jumplab_operator.kube.access import KubeAccess
from jumplab_operator.kube.client import CORE, KubeApi, connected, once_it_answers, path
from jumplab_operator.kube.concurrency_limit import ConcurrencyLimit
from jumplab_operator.kube.kopf_watch import of_cluster
from jumplab_operator.lab_audit import LabAudit
from jumplab_operator.lab_users import LabUsers
from jumplab_operator.leadership.election import PodIdentity, Process, leading
from jumplab_operator.names import Name
from jumplab_operator.reconcile.composition.compose import lab_over
from jumplab_operator.reconcile.composition.lab_service import LabService
from jumplab_operator.reconcile.context.settings import PREEMPTION_NOTICE, QUARANTINE_AFTER, LabSettings
from jumplab_operator.reconcile.lease_steps.moved_times import move_times
from jumplab_operator.router.relay import Router
from jumplab_operator.router.tokens import TokenReader
from jumplab_operator.standalone.http.connections import ConnectionLimits, Network
from jumplab_operator.standalone.http.server import KubernetesApi
from jumplab_operator.standalone.storage.datadir import DataDir
from jumplab_operator.trust import Trust, renew, warn_of_dates

log = logging.getLogger(__name__)

DEFAULT_GRPC_PORT = 7444
_LOOK_AT_TOKEN_EVERY = timedelta(seconds=4)
"""With the time that a watch takes to notice it, a former administrator's token has nothing left after ten seconds."""
_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@dataclass(frozen=True, slots=True)
class Listening:
    """The addresses of the gRPC services.

    address: what is bound;  endpoint: `host:port` as peers reach it;  names: more host names and addresses that the
    operator's own certificate is for;  certificate: one that others make, instead of the operator's own.
    """

    address: str
    endpoint: str
    names: tuple[str, ...] = ()
    certificate: CertificateFiles | None = None


@dataclass(frozen=True, slots=True)
class Installation:
    """The place of an operator on a cluster.

    own_namespace: where the Secret with its keys is;  namespaces: those it serves; empty: all;  pod_identity: its own
    among several operators of which one leads;  quarantine_after, preemption_notice: see LabSettings.
    """

    own_namespace: str
    namespaces: tuple[str, ...] = ()
    pod_identity: PodIdentity | None = None
    quarantine_after: int = QUARANTINE_AFTER
    preemption_notice: timedelta = PREEMPTION_NOTICE


@dataclass(frozen=True, slots=True)
class Running:
    """A control plane that serves.

    kubeconfig: the file for its Kubernetes API, where it brought one along.  warning: what keeps other machines from
    it, or empty.
    """

    endpoint: str
    ca_pem: bytes
    kubeconfig: Path | None = None
    warning: str = ""


@asynccontextmanager
async def control_plane(
    access: KubeAccess, kube: KubeApi, address: str, trust: Trust, settings: LabSettings, audit: OperatorAudit
) -> AsyncIterator[LabService]:
    """Operator, controller and router, serving at an address while entered. kube: the API of `access`.

    Raises PortUnavailable.
    """
    signing = trust.keys.signing
    issuer = CredentialIssuer(signing, now=now, issued=_recorded(audit))
    clock = SystemClock()
    watch = of_cluster(access, settings.namespaces, clock)
    async with (
        _moved_with_the_clock(kube, settings.namespaces),
        lab_over(kube, watch, settings, issuer, clock) as lab,
    ):
        if audit.is_kept:
            lab.on_change(LabAudit(audit).on_change)
        known = TokenReader(signing.public_key())
        dialler = Dialler(lab, Offers(now), settings.endpoint, signing, now, known, audit=CallAudit(audit))
        router = Router(signing.public_key(), prolonged=dialler.prolonged, now=now, known=known, audit=audit)
        tokens = token_reader(
            ConcurrencyLimit(kube)
        )  # in a line of their own: no lease waits behind a thousand of them
        authenticator = Authenticator(lab, issuer, tokens, now)

        def server() -> aio.Server:
            return controller_server(lab, authenticator, dialler, router, audit)

        async with _serving(Serving(server, address), router, trust.first) as serving, asyncio.TaskGroup() as tasks:
            ending = tasks.create_task(
                _follow_credentials(lab, authenticator, router, dialler.offers), name="cutting replaced credentials"
            )
            cutting = tasks.create_task(
                _cut_streams(lab, router, dialler.standby_streams), name="cutting the streams of former holders"
            )
            checking = tasks.create_task(authenticator.check_beside(), name="checking callers' tokens")
            renewing = tasks.create_task(renew(serving, trust, lab), name="renewing the certificate")
            yield lab
            for task in (cutting, ending, checking, renewing):
                task.cancel()


def _recorded(audit: OperatorAudit) -> Callable[[str, Name, str], None]:
    def issued(kind: str, name: Name, token: str) -> None:
        fields = {kind.lower(): f"{name.namespace}/{name.name}", "new_credential": credential_id(token)}
        audit.add("token-issued", **fields)

    return issued


@asynccontextmanager
async def _moved_with_the_clock(kube: KubeApi, namespaces: Sequence[str]) -> AsyncIterator[None]:
    """Moves the times of leases if the machine's clock was set: before what is inside, and after it.

    Afterwards it is still this operator that leads. Another one, on another machine, would not know of the step.
    """
    await move_times(kube, namespaces, TIME.setting())
    yield
    if abs(TIME.step()) >= STEP:
        TIME.take_over()
        await move_times(kube, namespaces, TIME.setting())


@asynccontextmanager
async def _serving(serving: Serving, router: Router, first: Served) -> AsyncIterator[Serving]:
    async with serving:
        await serving.serve(first.certificate)
        try:
            yield serving
        finally:
            router.close()


async def _cut_streams(lab: Lab, router: Router, standby_streams: StandbyStreams) -> None:
    async for change in lab.holders():
        router.cut(change.lease_uid, change.client)
        if change.client is None:
            standby_streams.end(change.lease_uid)


async def _follow_credentials(lab: LabService, authenticator: Authenticator, router: Router, offers: Offers) -> None:
    async for change in lab.credential_changes():
        authenticator.ask_again(change.uid)
        router.cut_credentials(change.ended)
        for exporter in change.exporters:
            offers.wake(exporter)


def token_reader(kube: KubeApi) -> Callable[[str, Name], Awaitable[AcceptedTokens | None]]:
    """A function for the tokens in the Secret of a resource, by kind and name; None without one. Raises ApiError."""

    async def current_tokens(kind: str, name: Name) -> AcceptedTokens | None:
        secret = await kube.get(path(CORE, "secrets", name.namespace, secret_name(kind, name.name)))
        return accepted_tokens(secret or {})

    return current_tokens


@asynccontextmanager
async def one_machine(
    data_dir: Path,
    host: str,
    api_port: int | None,
    grpc_port: int | None,
    advertised: str | None,
    *,
    quarantine_after: int = QUARANTINE_AFTER,
    preemption_notice: timedelta = PREEMPTION_NOTICE,
    trusted_proxies: tuple[Network, ...] = (),
    audit: OperatorAudit = SILENT,
) -> AsyncIterator[Running]:
    """A whole control plane on a data directory, the Kubernetes API included.

    Ports: None is the one of the last time (the first time the default), 0 that of the last time or any free one.
    advertised: the name or address by which exporters and clients reach this machine.  quarantine_after,
    preemption_notice: see LabSettings;  trusted_proxies: see ConnectionLimits. Raises CannotStart, PortUnavailable,
    KeysUnusable.
    """
    users = LabUsers(secrets.token_urlsafe(32))
    reached_at = advertised or _reachable(host)
    limits = ConnectionLimits(trusted_proxies=trusted_proxies)
    served = KubernetesApi(
        data_dir, host, api_port, advertised=reached_at, tenancy=users, connections=limits, audit=audit, clock=now
    )
    async with served as api:
        port = _reserved_port(api.data_dir, host, grpc_port)
        operator_keys = stored_keys(api.data_dir)
        warn_of_dates(operator_keys)
        users.trust(CredentialIssuer(operator_keys.signing, now=now).read)
        api_trust = ssl.create_default_context(cadata=api.ca_pem.decode())
        access = KubeAccess(api.url, api.ca_pem.decode(), users.operator_token, on_this_machine=True, trust=api_trust)
        listening = Listening(_joined(host, port), _joined(reached_at, port))
        names = [reached_at, "localhost", "127.0.0.1", "::1"]
        source = OwnCertificate(operator_keys.authority, names, now, _following(api, api_trust))
        trust = Trust(operator_keys, source, source.read())
        settings = LabSettings(
            listening.endpoint,
            trust.first.ca_pem,
            quarantine_after=quarantine_after,
            preemption_notice=preemption_notice,
        )
        async with connected(access) as kube:
            await once_it_answers(lambda: apply_crds(kube))  # on a full disk until there is room, if they changed
            async with (
                control_plane(access, kube, listening.address, trust, settings, audit) as lab,
                asyncio.TaskGroup() as tasks,
            ):
                users.count_leases(lab.leases_held)
                warning = _unreachable(host, reached_at, api)
                renewing = tasks.create_task(_renew_api(api), name="renewing the API's certificate and token")
                yield Running(listening.endpoint, api.ca_pem, api.data_dir.kubeconfig, warning)
                renewing.cancel()


def _following(api: KubernetesApi, api_trust: ssl.SSLContext) -> Follow:
    """Has the API take over what the controller has, and reads the data directory again.

    The operator itself is a client of the API: it trusts another authority before that one signs.
    """

    async def follow(served: Authority) -> Authority:
        api_trust.load_verify_locations(cadata=served.trusted_pem.decode())
        api.take_over(served)
        return api.data_dir.authority(now())

    return follow


async def _renew_api(api: KubernetesApi) -> None:
    told = ""
    while True:
        await SystemClock().sleep(_LOOK_AT_TOKEN_EVERY)
        api.renew_certificate()
        try:
            api.renew_admin_token()
            told = ""
        except DataDirUnusable as error:
            if str(error) != told:
                log.warning("the new administrator's token can't be used: %s; the previous one is still valid", error)
            told = str(error)


def _unreachable(host: str, reached_at: str, api: KubernetesApi) -> str:
    """What keeps other machines from a control plane that is advertised to them, or empty."""
    if is_loopback(host) and not is_loopback(reached_at):
        where = f"it is advertised as {reached_at}, and listens on {host}"
        return f"{where}, where no other machine reaches it; add --host 0.0.0.0"
    if api.url_elsewhere:
        return f"{api.data_dir.kubeconfig} names {api.url}; on another machine write {api.url_elsewhere} in its place"
    return ""


@asynccontextmanager
async def in_cluster(
    access: KubeAccess,
    listening: Listening,
    installation: Installation,
    process: Process,
    audit: OperatorAudit = SILENT,
) -> AsyncIterator[Running]:
    """Operator, controller and router for a Kubernetes API that is there and has the CRDs.

    Enters once this operator leads. The process is stopped once another does. Raises ApiError, PortUnavailable,
    KeysUnusable.
    """
    async with connected(access) as kube, leading(kube, installation.pod_identity, process) as lead:
        operator_keys = await once_it_answers(lambda: keys_in_secret(lead.kube, installation.own_namespace))
        trust = _trust(listening, operator_keys, SecretAuthority(lead.kube, installation.own_namespace).follow)
        settings = LabSettings(
            listening.endpoint,
            trust.first.ca_pem,
            installation.namespaces,
            quarantine_after=installation.quarantine_after,
            preemption_notice=installation.preemption_notice,
        )
        async with control_plane(access, lead.kube, listening.address, trust, settings, audit):
            await lead.attract_clients()
            yield Running(listening.endpoint, trust.first.ca_pem.encode())


def _trust(listening: Listening, operator_keys: Keys, follow: Follow) -> Trust:
    """The certificate to serve and the CA that signed it: from the files that are named, else the operator's own."""
    source: CertificateSource
    if listening.certificate is not None:
        source = listening.certificate
    else:
        warn_of_dates(operator_keys)
        names = [listening.endpoint.rpartition(":")[0].strip("[]"), *listening.names]
        source = OwnCertificate(operator_keys.authority, names, now, follow)
    return Trust(operator_keys, source, source.read())


async def apply_crds(kube: KubeApi) -> None:
    """Creates the custom resource definitions, or brings them up to date. Raises ApiError."""
    for manifest in crd_manifests():
        try:
            await kube.create(_CRDS, manifest)
        except ApiError as refused:
            if refused.status != 409:
                raise
            await kube.merge(f"{_CRDS}/{manifest['metadata']['name']}", manifest)


def crd_manifests() -> list[dict[str, Any]]:
    """The definitions that the package brings; in a source tree its folder is a link to crds/."""
    folder = Path(__file__).with_name("crds")
    return [read_document(file.read_text()).content for file in sorted(folder.glob("*.yaml"))]


def _reserved_port(data_dir: DataDir, host: str, asked: int | None) -> int:
    """The gRPC port, remembered for the next start: exporters and clients know it."""
    remembered = data_dir.remembered_port("grpc-port")
    port = asked or remembered or (DEFAULT_GRPC_PORT if asked is None else 0)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Bound for a moment only: the operator needs the address before the server can be made.
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = error.strerror or str(error)
            raise PortUnavailable(
                f"the controller can't listen on {host}, port {port}: {reason}; free it or choose another (--grpc-port)"
            ) from error
        port = int(probe.getsockname()[1])
    data_dir.remember_port(port, "grpc-port")
    return port


def _reachable(host: str) -> str:
    return socket.gethostname() if host in ("0.0.0.0", "::") else host  # noqa: S104 - what a person may ask for


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
