"""Ways from a lease's holder to its exporter: tokens for both, and until when they hold."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from jumplab.protocol.v1 import controller_pb2
from jumplab_operator.audit import SILENT
from jumplab_operator.controller import log_access
from jumplab_operator.controller.auditing import CallAudit
from jumplab_operator.controller.lab import Lab
from jumplab_operator.controller.messages import in_force
from jumplab_operator.controller.offers import LocalOffer, LogsOffer, Offers, RouterOffer
from jumplab_operator.controller.refusals import BadRequest, NotPossibleNow, Unavailable
from jumplab_operator.controller.standby_streams import Match, StandbyStreams
from jumplab_operator.names import Name
from jumplab_operator.resources import Exporter, Lease
from jumplab_operator.resources.conditions import is_true
from jumplab_operator.router import tokens
from jumplab_operator.router.tokens import Role, StreamClaims, TokenReader

# A lease whose end isn't known yet: its streams ask again after so long.
_UNKNOWN_END = timedelta(hours=1)
# A lease that can't be read may be in force: its streams ask again after so long.
_UNREADABLE = timedelta(minutes=1)

READING_LOGS = timedelta(minutes=10)
"""How long one session may read console logs."""
_LOGS_RECHECK = timedelta(seconds=10)
_LOG_OFFERS_OF_LEASE = 16


@dataclass(frozen=True, slots=True)
class Dialled:
    """A new session's client's end. claims: those of the answer's token."""

    answer: controller_pb2.DialResponse
    claims: StreamClaims


@dataclass(frozen=True, slots=True)
class Dialler:
    """Makes the two ends of new sessions.

    router_endpoint: `host:port`, as peers reach it.  known: the router's.  standby_streams: those of exporters.
    audit: gets a record of each.
    """

    lab: Lab
    offers: Offers
    router_endpoint: str
    key: EllipticCurvePrivateKey
    now: Callable[[], datetime]
    known: TokenReader
    standby_streams: StandbyStreams = field(default_factory=StandbyStreams)
    audit: CallAudit = field(default_factory=lambda: CallAudit(SILENT))

    def dial(self, lease: Lease, credential: str, member: str = "", machine: str = "") -> Dialled:
        """A new session on a ready lease: the client's end is answered, the exporter's is offered to it.

        credential: the id of the one by which the client asks: the session ends with it.

        member: of a lease of several exporters, which; empty: the first.

        machine: the client's. Where it is the exporter's too, the session goes over the exporter's socket there.
        Raises NotPossibleNow where the lease has ended or isn't ready, Unavailable while its exporter is away.
        """
        exporter, holder = self._leased_exporter(lease, member), in_force(lease).client_ref.name
        now = self.now()
        claims = StreamClaims(
            session=secrets.token_urlsafe(16),
            role=Role.CLIENT,
            lease=lease.uid,
            lease_name=f"{lease.namespace}/{lease.name}",
            holder=holder,
            exporter=exporter.uid,
            deadline=now + self._remaining(lease),
            expires=now + tokens.LIFETIME,
            credential=credential,
        )
        socket = self.offers.socket_on(machine, exporter.uid)
        if not socket:  # first of all: the exporter has the longer way
            self._offer(claims)
        token = tokens.mint(claims, self.key)
        if socket:
            digest = hashlib.sha256(token.encode()).digest()
            self.offers.post(exporter.uid, LocalOffer(lease.uid, holder, credential, digest, claims.expires))
        answer = controller_pb2.DialResponse(
            router_endpoint=self.router_endpoint,
            router_token=token,
            exporter_name=exporter.name,
            local_socket=socket,
        )
        self._record("dial", claims, exporter, way="local" if socket else "router")
        return Dialled(answer, claims)

    def dial_logs(self, lease: Lease, credential: str, member: str = "") -> controller_pb2.DialResponse:
        """A way to what the consoles have said in a lease, which may have ended, as `dial` makes one to a ready lease.

        It is cut seconds after the lease is deleted or its holder revoked, and after READING_LOGS.
        Raises NotPossibleNow where there is nothing to be had, Unavailable while the exporter is away.
        """
        exporter = self._exporter_with_logs(lease, member)
        now = self.now()
        client = StreamClaims(
            session=secrets.token_urlsafe(16),
            role=Role.CLIENT,
            lease=lease.uid,
            lease_name=f"{lease.namespace}/{lease.name}",
            holder=in_force(lease).client_ref.name,
            exporter=exporter.uid,
            deadline=now + _LOGS_RECHECK,
            expires=now + tokens.LIFETIME,
            logs=True,
            credential=credential,
        )
        own = self.offers.credential_of(exporter.uid)
        token = tokens.mint(replace(client, role=Role.EXPORTER, credential=own), self.key)
        self._record("dial-logs", client, exporter)
        self.offers.post(exporter.uid, LogsOffer(lease.uid, self.router_endpoint, token, client.expires))
        return controller_pb2.DialResponse(
            router_endpoint=self.router_endpoint,
            router_token=tokens.mint(client, self.key),
            exporter_name=exporter.name,
        )

    def _record(self, event: str, claims: StreamClaims, exporter: Exporter, way: str = "router") -> None:
        full_name = f"{exporter.namespace}/{exporter.name}"
        lease = {"lease": claims.lease_name, "lease_uid": claims.lease}
        self.audit.add(event, session=claims.session, **lease, exporter=full_name, way=way)

    def _offer(self, client: StreamClaims) -> None:
        """Offers the exporter its end of a client's session."""
        standby = self.standby_streams.pop(client.exporter, client.lease)
        own = standby.credential if standby is not None else self.offers.credential_of(client.exporter)
        claims = replace(client, role=Role.EXPORTER, credential=own)
        token = tokens.mint(claims, self.key)
        self.known.remember(token, claims)
        offer = RouterOffer(claims.lease, claims.holder, self.router_endpoint, token, claims.expires)
        if standby is None:
            self.offers.post(claims.exporter, offer)
        else:  # should its connection be lost at this moment, the exporter gets the offer on its next one
            self.offers.post(claims.exporter, offer, aloud=False)
            standby.match.set_result(Match(claims, token))

    def prolonged(self, claims: StreamClaims) -> datetime | None:
        """The deadline that holds now for a stream that has reached its own; None where its holder's lease is over."""
        if claims.logs:
            last = claims.expires - tokens.LIFETIME + READING_LOGS
            return min(self.now() + _LOGS_RECHECK, last) if log_access.may_read_on(self.lab, claims) else None
        name = Name(*claims.lease_name.split("/", 1))
        lease = self.lab.lease(name)
        if lease is None and self.lab.problem(Lease, name):
            return self.now() + _UNREADABLE
        if lease is None or lease.uid != claims.lease or lease.status.ended:
            return None
        if in_force(lease).client_ref.name != claims.holder:
            return None
        return self.now() + self._remaining(lease)

    def _remaining(self, lease: Lease) -> timedelta:
        remaining = self.lab.remaining(lease)
        return _UNKNOWN_END if remaining is None else remaining

    def _leased_exporter(self, lease: Lease, member: str) -> Exporter:
        if lease.status.ended:
            raise NotPossibleNow(f'lease "{lease.name}" has ended; create a new one')
        if not is_true(lease.status.conditions, "Ready") or not lease.status.exporter_names:
            raise NotPossibleNow(
                f'lease "{lease.name}" is not ready yet{_latest(lease)}; wait for its condition Ready, then dial again'
            )
        exporter = self._exporter(lease, member, f'of lease "{lease.name}" was deleted; create a new lease')
        if not is_true(exporter.status.conditions, "Online"):
            raise Unavailable(
                f'exporter "{exporter.name}" of lease "{lease.name}" is offline; dial again when it is back'
            )
        return exporter

    def _exporter_with_logs(self, lease: Lease, member: str) -> Exporter:
        if not lease.status.exporter_names:
            raise NotPossibleNow(f'lease "{lease.name}" has had no exporter, so there are no console logs of it')
        exporter = self._exporter(lease, member, f'had the logs of lease "{lease.name}", and was deleted')
        serves_logs = self.offers.serves_logs(exporter.uid)
        if serves_logs is None:
            raise Unavailable(
                f'exporter "{exporter.name}", which has the console logs of lease "{lease.name}", is offline; try '
                "again when it is back"
            )
        if not serves_logs:
            raise NotPossibleNow(
                f'exporter "{exporter.name}" is of a version that can\'t hand out console logs; have jumplab-exporter '
                "updated there"
            )
        offers = self.offers.current(exporter.uid)
        if sum(isinstance(each, LogsOffer) and each.lease == lease.uid for each in offers) >= _LOG_OFFERS_OF_LEASE:
            raise Unavailable(
                f'the logs of lease "{lease.name}" were asked for {_LOG_OFFERS_OF_LEASE} times within a minute, which '
                "is the most; try again in a minute"
            )
        return exporter

    def _exporter(self, lease: Lease, member: str, deleted: str) -> Exporter:
        """The exporter of a member of the lease.  deleted: what is to be said where it is gone."""
        name = _exporter_of(lease, member)
        exporter = self.lab.exporter(Name(lease.namespace, name))
        if exporter is None and (problem := self.lab.problem(Exporter, Name(lease.namespace, name))):
            raise Unavailable(f'exporter "{name}" can\'t be read ({problem}); an administrator can correct it')
        if exporter is None:
            raise NotPossibleNow(f'exporter "{name}" {deleted}')
        return exporter


def _exporter_of(lease: Lease, member: str) -> str:
    """The name of the exporter that a member of the lease has."""
    if not member:
        return lease.status.exporter_names[0]
    members = lease.status.exporters or []
    for each in members:
        if each.name == member and each.exporter_ref is not None:
            return each.exporter_ref.name
    known = ", ".join(each.name for each in members) or "none, since it has one exporter"
    raise BadRequest(f'lease "{lease.name}" has no member "{member}"; its members: {known}')


def _latest(lease: Lease) -> str:
    """The state by the lease's last condition, for a sentence."""
    if not lease.status.conditions:
        return ""
    last = lease.status.conditions[-1]
    return f" ({last.type}: {last.reason}{', ' + last.message if last.message else ''})"
