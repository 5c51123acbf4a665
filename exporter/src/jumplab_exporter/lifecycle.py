"""The life of an exporter, as one state machine: pure, without I/O and without a clock.

    Connecting ──assigned──────────────▶ Preparing ──prepared──▶ Ready
        │                                  ▲   │                   │
        └──not assigned──▶ Available ──────┤   └──ended, failed─▶ Cleaning ◀──ended, deadline
                            ▲ ▲ └─▶ Checking                       │
                              └───────────────cleaned──────────────┤
                                                                   ▼
                             Leaving ◀──a hook asks for exit, or asked to stop

Only the end of a lease leads to Cleaning: the controller names another lease or none, or the lease's own deadline has
passed. A lost connection is no event here at all. A lease that comes during a health check cancels it. An
exporter whose board has a safe state begins with a check, which reaches it, whether there is a controller or not.
"""

from dataclasses import dataclass, field, replace

from jumplab_exporter.config import OnFailure
from jumplab_exporter.lifecycle_events import (
    Assigned,
    Attended,
    CheckDue,
    Checked,
    Cleaned,
    DeadlinePassed,
    DriversHang,
    Event,
    Lease,
    NotConnected,
    Prepared,
    PreparingFailed,
    Rejected,
    StopRequested,
)
from jumplab_exporter.reports import Attendance, Report, Status

# ---- states


@dataclass(frozen=True, slots=True)
class Connecting:
    """The controller has not sent an assignment yet.  checking: the first health check is being made meanwhile."""

    checking: bool = False


@dataclass(frozen=True, slots=True)
class Available:
    """Free.

    cleaned: the uid of the lease that ended last.  over: the same, until the controller has ended it too: its messages
    on that lease before that are no new assignment.
    """

    cleaned: str = ""
    over: str = ""


@dataclass(frozen=True, slots=True)
class Checking:
    """Free, but for a health check. following: the lease that has come meanwhile; the check is being cancelled."""

    cleaned: str = ""
    following: Lease | None = None
    over: str = ""


@dataclass(frozen=True, slots=True)
class Preparing:
    """Building drivers and running beforeLease. After a restart in the middle of a lease clients may come meanwhile."""

    lease: Lease
    attendance: Attendance = field(default=Attendance(), compare=False)


@dataclass(frozen=True, slots=True)
class Ready:
    """The lease's client may attach."""

    lease: Lease
    attendance: Attendance = field(default=Attendance(), compare=False)


@dataclass(frozen=True, slots=True)
class Cleaning:
    """Running afterLease and tearing down.

    following: the lease that the controller has assigned meanwhile;  known: the controller has ended the lease, not
    just this exporter;  then: set if the process ends afterwards;  hanging: drivers are still running past the bound.
    """

    lease: Lease
    following: Lease | None = None
    known: bool = False
    then: "Leaving | None" = None
    hanging: bool = False


@dataclass(frozen=True, slots=True)
class Leaving:
    """The process ends. failure: why, if by a failure; None if it was asked to."""

    failure: str | None = None


State = Connecting | Available | Checking | Preparing | Ready | Cleaning | Leaving


# ---- effects


@dataclass(frozen=True, slots=True)
class Prepare:
    """Start preparing for a lease."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class Clean:
    """End the session, whatever it is at, and start cleaning up. reason: for those attached."""

    lease: Lease
    reason: str


@dataclass(frozen=True, slots=True)
class Check:
    """Start a health check."""


@dataclass(frozen=True, slots=True)
class CancelCheck:
    """End the health check now. `Checked` follows."""


@dataclass(frozen=True, slots=True)
class SendReport:
    """Send this report until it has been delivered, and again after each reconnection.

    aloud: attached clients get it, too.
    """

    report: Report
    aloud: bool = True


Effect = Prepare | Clean | Check | CancelCheck | SendReport


def transition(state: State, event: Event) -> tuple[State, tuple[Effect, ...]]:
    """The next state, and the effects to carry out, in this order. Events that came too late change nothing."""
    match event:
        case StopRequested():
            return _stopped(state), ()
        case Rejected() | NotConnected():
            return _disconnected(state, event), ()
        case Assigned(lease):
            return _assigned(state, lease)
        case Prepared(uid) | Attended(uid) if isinstance(state, Preparing | Ready) and state.lease.uid == uid:
            return _prepared(state) if isinstance(event, Prepared) else _attended(state, event)
        case PreparingFailed(uid) if isinstance(state, Preparing) and state.lease.uid == uid:
            return _preparing_failed(state, event)
        case DeadlinePassed(uid) if isinstance(state, Preparing | Ready) and state.lease.uid == uid:
            return _ended(state.lease, None, "the lease has expired")
        case DeadlinePassed(uid) if isinstance(state, Checking) and state.following == Lease(uid):
            return replace(_unassigned(state), over=uid), (_report(Status.AVAILABLE, "", uid),)
        case CheckDue() if isinstance(state, Available):
            return Checking(state.cleaned, over=state.over), (Check(),)
        case Checked() if isinstance(state, Checking | Connecting):
            return _checked(state)
        case DriversHang(names) if isinstance(state, Cleaning):
            return _hanging(state, names)
        case Cleaned() if isinstance(state, Cleaning):
            return _cleaned(state, event)
        case _:
            return state, ()


def _disconnected(state: State, event: Rejected | NotConnected) -> State:
    """A lease is served on without its controller, and so is a clean-up."""
    ends = Connecting if isinstance(event, Rejected) else Connecting | Available | Checking
    return Leaving(event.reason) if isinstance(state, ends) else state


def _prepared(state: Preparing | Ready) -> tuple[State, tuple[Effect, ...]]:
    if isinstance(state, Ready):
        return state, ()
    return Ready(state.lease, state.attendance), (_ready(state.lease, state.attendance, aloud=True),)


def _attended(state: Preparing | Ready, event: Attended) -> tuple[State, tuple[Effect, ...]]:
    attendance = state.attendance.after(event.attached, event.in_use)
    after = replace(state, attendance=attendance)
    return after, (_ready(state.lease, attendance, aloud=False),) if isinstance(state, Ready) else ()


def _ready(lease: Lease, attendance: Attendance, *, aloud: bool) -> SendReport:
    return SendReport(Report(Status.LEASE_READY, "ready", lease.uid, attendance=attendance), aloud)


def _stopped(state: State) -> State:
    match state:
        case Leaving():
            return state
        case Cleaning(then=None, hanging=False):
            return replace(state, then=Leaving())
        case _:
            return Leaving()


def _hanging(state: Cleaning, names: tuple[str, ...]) -> tuple[State, tuple[Effect, ...]]:
    if state.then is not None:
        return state.then, ()
    status = Status.AFTER_LEASE_HOOK
    report = _report(status, f"not ready: still running: {', '.join(names)}", state.lease.uid)
    return replace(state, hanging=True), (report,)


def _assigned(state: State, lease: Lease | None) -> tuple[State, tuple[Effect, ...]]:
    match state:
        case Connecting(checking=True):
            return _assigned_in_check(Checking(), lease)
        case Connecting():
            return _settle(lease, cleaned="")
        case Available(cleaned, over) if lease is None or lease.uid != over:
            return _settle(lease, cleaned) if lease is not None else (Available(cleaned), ())
        case Checking(_, _, over) if lease is None or lease.uid != over:
            return _assigned_in_check(state, lease)
        case Preparing(current) | Ready(current) if lease is not None and lease == current:
            return replace(state, lease=lease), ()
        case Preparing(current) | Ready(current):
            after, effects = _ended(current, lease, "the lease has ended")
            return replace(after, known=True), effects
        case Cleaning(current):
            return replace(
                state, following=None if lease == current else lease, known=state.known or lease != current
            ), ()
        case _:
            return state, ()


def _assigned_in_check(state: Checking, lease: Lease | None) -> tuple[State, tuple[Effect, ...]]:
    after, effects = replace(state, over=""), list[Effect]()
    if state.following is not None and lease != state.following:
        after = _unassigned(state)
        effects.append(_report(Status.AVAILABLE, "", after.cleaned))
    if lease is not None and lease != state.following:
        effects += [_report(Status.BEFORE_LEASE_HOOK, "preparing", lease.uid), CancelCheck()]
    return replace(after, following=lease), tuple(effects)


def _unassigned(state: Checking) -> Checking:
    """The lease that was waited for is over: nothing was made for it yet."""
    assert state.following is not None, "there was a lease"
    return Checking(state.following.uid)


def _checked(state: Checking | Connecting) -> tuple[State, tuple[Effect, ...]]:
    if isinstance(state, Connecting):
        return Connecting(), ()
    if state.following is not None:
        return Preparing(state.following), (Prepare(state.following),)
    return Available(state.cleaned, state.over), (_report(Status.AVAILABLE, "", state.cleaned),)


def _settle(lease: Lease | None, cleaned: str) -> tuple[State, tuple[Effect, ...]]:
    if lease is None:
        return Available(cleaned), (_report(Status.AVAILABLE, "", cleaned),)
    report = _report(Status.BEFORE_LEASE_HOOK, "preparing", lease.uid)
    return Preparing(lease), (report, Prepare(lease))


def _ended(lease: Lease, following: Lease | None, reason: str) -> tuple[Cleaning, tuple[Effect, ...]]:
    report = _report(Status.AFTER_LEASE_HOOK, "cleaning up", lease.uid)
    return Cleaning(lease, following), (Clean(lease, reason), report)


def _preparing_failed(state: Preparing, event: PreparingFailed) -> tuple[State, tuple[Effect, ...]]:
    status = Status.BEFORE_LEASE_HOOK_FAILED
    report = _report(status, event.message, event.uid, release=True)
    then = Leaving(event.message) if event.then is OnFailure.EXIT else None
    return Cleaning(state.lease, then=then), (Clean(state.lease, event.message), report)


def _cleaned(state: Cleaning, event: Cleaned) -> tuple[State, tuple[Effect, ...]]:
    uid = state.lease.uid
    if event.failure and event.then is OnFailure.EXIT:
        status = Status.AFTER_LEASE_HOOK_FAILED
        return Leaving(event.failure), (_report(status, event.failure, uid),)
    free = _report(Status.AVAILABLE, "; ".join(filter(None, (event.failure, event.unsafe))), uid)
    if state.then is not None or event.leave:
        return state.then or Leaving(), (free,)
    if state.following is None:
        return Available(uid, "" if state.known else uid), (free,)
    after, effects = _settle(state.following, uid)
    return after, (free, *effects)


def _report(status: Status, message: str, lease_uid: str, *, release: bool = False) -> SendReport:
    return SendReport(Report(status, message, lease_uid, release))
