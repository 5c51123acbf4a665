"""Reconciles an Exporter: its credential, its presence, its claim, its reports and its health."""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from jumplab_operator.errors import ApiError
from jumplab_operator.kube.event_recorder import Event, log_transition
from jumplab_operator.leasing.model import exporter_health
from jumplab_operator.leasing.model.decisions import Assign
from jumplab_operator.reconcile.context.context import Cluster, whole_seconds
from jumplab_operator.reconcile.lease_steps import claims
from jumplab_operator.reconcile.lease_steps.credentials import Credential, CredentialRemoved, Credentials
from jumplab_operator.reconcile.lease_steps.exporter_history import history_after
from jumplab_operator.reconcile.lease_steps.failure_history import FailureHistory
from jumplab_operator.reconcile.scheduling.scheduler_loop import SchedulerLoop
from jumplab_operator.resources import Device, Exporter, ExporterStatus, HistoryEntry, LeaseRef
from jumplab_operator.resources.conditions import condition, find_condition, is_true, merge_conditions
from jumplab_operator.resources.metadata import Condition, IssuedCredential

_log = logging.getLogger(__name__)


class ExporterReconciler:
    """The reconcile of one kind."""

    def __init__(
        self, cluster: Cluster, scheduler_loop: SchedulerLoop, credentials: Credentials, failures: FailureHistory
    ) -> None:
        self._cluster = cluster
        self._scheduler_loop = scheduler_loop
        self._credentials = credentials
        self._failures = failures

    async def reconcile(self, exporter: Exporter) -> None:
        """Brings the Exporter's status up to date. Raises ApiError."""
        if exporter.metadata.deletion_timestamp is not None:
            return
        now = self._cluster.clock.now()
        later = self._put_off(exporter)
        if later is not None and later > now:
            self._cluster.queue.add_at(exporter.uid, later, patient=True)
            return
        credential = await self._credential(exporter)
        if credential is None:
            return
        online = self._judge_presence(exporter, now)
        if exporter.status.lease_ref is not None:
            await claims.look_up(exporter.status.lease_ref, exporter, self._cluster)
        claim = self._settle_claim(exporter, online)
        status = self._status(exporter, online, claim, credential, now)
        if await self._write(exporter, status):
            self._record_quarantine(exporter, status)
            _log_status(exporter, status)
        if exporter_health.RETURN in exporter.metadata.annotations:
            await self._cluster.merge(exporter, {"metadata": {"annotations": {exporter_health.RETURN: None}}})

    async def _credential(self, exporter: Exporter) -> Credential | None:
        """Its credential; None: the Secret was deleted, and its lease has to end before there is a new one."""
        claim = exporter.status.lease_ref
        if exporter.status.credential is None and claim is not None:
            lease = claims.lease_of(claim, exporter, self._cluster)
            if lease is not None and claims.is_assigned_to(lease, exporter):
                self._cluster.queue.add(lease.uid)
                return None
        recorded = exporter.status.credential_uid
        try:
            return await self._credentials.ensure(exporter, recorded)
        except CredentialRemoved:
            await self._cluster.change_status(exporter, lambda newest: _without(newest.status, recorded))
            message = "its Secret was deleted; its connection and its lease end, and a new Secret is created"
            self._cluster.events.record(exporter, Event("CredentialRemoved", message, warning=True))
            return None

    def _put_off(self, exporter: Exporter) -> datetime | None:
        """Until when the write of LeaseReady is delayed: the Lease is Ready already, and its holder attaches now."""
        connection, status = self._cluster.presence.of(exporter.uid), exporter.status
        if not connection.connected or connection.phase != "LeaseReady" or status.exporter_status == connection.phase:
            return None
        if status.lease_ref is None or connection.phase_since is None:
            return None
        return connection.phase_since + self._cluster.settings.attach_first

    async def _write(self, exporter: Exporter, status: ExporterStatus) -> bool:
        try:
            return await self._cluster.write_status(exporter, status)
        except ApiError as refused:
            if refused.status in (400, 413, 422):  # only its devices can be refused: the rest must be written
                self._cluster.presence.of(exporter.uid).devices = None
            raise

    def _record_quarantine(self, exporter: Exporter, after: ExporterStatus) -> None:
        before, now = exporter.status.quarantine, after.quarantine
        if before is None and now is not None:
            self._cluster.events.record(exporter, Event("Quarantined", now.reason, warning=True))
        if before is not None and now is None:
            self._cluster.events.record(exporter, Event("Returned", "its quarantine has ended"))

    def _judge_presence(self, exporter: Exporter, now: datetime) -> bool:
        """Whether it counts as online; if it might cease to by the passing of time, looks again then."""
        was_online = is_true(exporter.status.conditions, "Online")
        offline_from = self._cluster.presence.offline_from(exporter.uid, was_online)
        if offline_from is not None and offline_from > now:
            self._cluster.queue.add_at(exporter.uid, offline_from, patient=True)
        return offline_from is None or offline_from > now

    def _settle_claim(self, exporter: Exporter, online: bool) -> LeaseRef | None:
        """The claim that stays."""
        claim = exporter.status.lease_ref
        if claim is None or claims.may_be_in_force(claim, exporter, self._cluster):
            return claim
        lease = claims.lease_of(claim, exporter, self._cluster)
        decision = self._scheduler_loop.decision(lease) if lease is not None else None
        over = lease is None or claims.is_over(lease, self._cluster.clock.now())
        wanted = not over and isinstance(decision, Assign) and decision.includes(exporter.uid)
        if claims.may_clear(exporter, claim, wanted, online, self._cluster):
            return None
        deadline = self._cluster.deadlines.get(claim.uid or "")
        if deadline is not None and deadline > self._cluster.clock.now():
            self._cluster.queue.add_at(exporter.uid, deadline, patient=True)
        return claims.current_claim(claim, lease, exporter)

    def _status(
        self, exporter: Exporter, online: bool, claim: LeaseRef | None, credential: Credential, now: datetime
    ) -> ExporterStatus:
        before, connection = exporter.status, self._cluster.presence.of(exporter.uid)
        turned = online != is_true(before.conditions, "Online")
        phase: str | None = before.exporter_status
        message = before.status_message
        if not online:
            has_been_here = turned or before.last_seen is not None
            gone = "its connection was lost" if has_been_here else "it has not connected yet"
            phase, message = "Offline", connection.message if connection.said_goodbye else gone
        elif connection.phase is not None:
            phase, message = connection.phase, connection.message
        return ExporterStatus.model_validate(
            {
                **dict(before),
                "credential": IssuedCredential(
                    name=credential.secret, uid=credential.uid, creation_time=credential.created
                ),
                "endpoint": self._cluster.settings.endpoint,
                "devices": before.devices if connection.devices is None else connection.devices,
                "lease_ref": claim,
                "history": self._history(exporter, claim),
                "exporter_status": phase,
                "status_message": message or None,
                "last_seen": whole_seconds(now) if turned else before.last_seen,
                **self._judged(exporter, online, now),
            }
        )

    def _history(self, exporter: Exporter, claim: LeaseRef | None) -> Sequence[HistoryEntry]:
        """Its history, given the claim that stays."""
        before = exporter.status
        if before.lease_ref is None or claim is not None:
            return before.history
        return history_after(exporter, before.lease_ref, self._cluster)

    def _judged(self, exporter: Exporter, online: bool, now: datetime) -> dict[str, Any]:
        """The fields for its presence and its health. Until its first report its health stays."""
        before, moment = exporter.status, whole_seconds(now)
        connection = self._cluster.presence.of(exporter.uid)
        found, devices = connection.health, connection.devices
        if found is None and exporter_health.RETURN not in exporter.metadata.annotations:
            healthy = find_condition(before.conditions, "Healthy")
            return {"conditions": _conditions(exporter, devices, online, healthy, moment)}
        limit = self._cluster.settings.quarantine_after
        judged = exporter_health.judge(
            exporter, found or exporter_health.NOTHING, self._failures.of(exporter), moment, limit
        )
        return {
            "conditions": _conditions(exporter, devices, online, judged.condition, moment),
            "quarantine": judged.quarantine,
            "cleared_time": judged.cleared,
        }


def _log_status(exporter: Exporter, after: ExporterStatus) -> None:
    before, claim = exporter.status, after.lease_ref or exporter.status.lease_ref
    if after.exporter_status and after.exporter_status != before.exporter_status:
        about = {"lease": f"{exporter.namespace}/{claim.name}", "client": claim.client or ""} if claim else {}
        message = after.status_message or "as it reports"
        log_transition(_log, exporter, Event(after.exporter_status, message, about=about))


def _without(status: ExporterStatus, removed: str) -> ExporterStatus:
    """The status without that credential."""
    return status.model_copy(update={"credential": None}) if status.credential_uid == removed else status


_LOST = "Disconnected", "it is not connected; start jumplab-exporter on its host"
_NEVER_HERE = "NeverConnected", "it has not connected yet; start jumplab-exporter on its host"


def _conditions(
    exporter: Exporter, devices: Sequence[Device] | None, online: bool, healthy: Condition | None, now: datetime
) -> list[Condition]:
    before = exporter.status.conditions
    has_been_here = online or is_true(before, "Online") or exporter.status.last_seen is not None
    wanted = [known for known in before if known.type not in ("Registered", "Healthy", "Online")]
    wanted.append(_registered(find_condition(before, "Registered"), devices))
    if healthy is not None:
        wanted.append(healthy)
    presence = (
        condition("Online", True, "Connected", "it is connected to the controller")
        if online
        else condition("Online", False, *(_LOST if has_been_here else _NEVER_HERE))
    )
    return merge_conditions(before, [*wanted, presence], now, exporter.metadata.generation)


def _registered(before: Condition | None, devices: Sequence[Device] | None) -> Condition:
    if devices is not None:
        return condition(
            "Registered", True, "Registered", f"{len(devices)} driver{'' if len(devices) == 1 else 's'} registered"
        )
    return before or condition("Registered", False, "NotRegistered", "no drivers registered yet")
