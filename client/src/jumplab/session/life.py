"""The states of a session, the same at both ends: at the client's for its Session, at the host's for each client.

    NEW ── connected ──> ATTACHED ── lost ──> DETACHED
                         ^        <── connected ──┘
    NEW, ATTACHED, DETACHED ── over ──> ENDED          calls are cancelled, none begins
    all of them ── forgotten ──> GONE                  nothing of it is left

A session that is over may still get a connection, which carries the last words and changes nothing.
"""

import logging
from enum import StrEnum

_log = logging.getLogger(__name__)


class SessionState(StrEnum):
    """The state of a session."""

    NEW = "new"
    ATTACHED = "attached"
    DETACHED = "detached"
    ENDED = "ended"
    GONE = "gone"


class SessionEvent(StrEnum):
    """The events that change a session's state."""

    CONNECTED = "connected"  # the first connection, or one after a lost one, or one that replaces another
    LOST = "lost"
    OVER = "over"  # it was left, given up, or ended by the exporter
    FORGOTTEN = "forgotten"


_S, _E = SessionState, SessionEvent

TRANSITIONS: dict[tuple[SessionState, SessionEvent], SessionState] = {
    (_S.NEW, _E.CONNECTED): _S.ATTACHED,
    (_S.NEW, _E.OVER): _S.ENDED,
    (_S.NEW, _E.FORGOTTEN): _S.GONE,
    (_S.ATTACHED, _E.CONNECTED): _S.ATTACHED,
    (_S.ATTACHED, _E.LOST): _S.DETACHED,
    (_S.ATTACHED, _E.OVER): _S.ENDED,
    (_S.ATTACHED, _E.FORGOTTEN): _S.GONE,
    (_S.DETACHED, _E.CONNECTED): _S.ATTACHED,
    (_S.DETACHED, _E.OVER): _S.ENDED,
    (_S.DETACHED, _E.FORGOTTEN): _S.GONE,
    (_S.ENDED, _E.CONNECTED): _S.ENDED,
    (_S.ENDED, _E.LOST): _S.ENDED,
    (_S.ENDED, _E.OVER): _S.ENDED,  # the first reason counts
    (_S.ENDED, _E.FORGOTTEN): _S.GONE,
    (_S.GONE, _E.LOST): _S.GONE,  # a connection may outlive its session by a moment
    (_S.GONE, _E.OVER): _S.GONE,
    (_S.GONE, _E.FORGOTTEN): _S.GONE,
}


class SessionLife:
    """One session's state at one end. session: its id.  end: `client` or `host`, for the log."""

    def __init__(self, session: str, end: str) -> None:
        self.session = session
        self._end = end
        self.state = SessionState.NEW

    @property
    def is_over(self) -> bool:
        """Whether no call begins any more."""
        return self.state in (SessionState.ENDED, SessionState.GONE)

    def apply(self, event: SessionEvent) -> None:
        """Moves the session on; an event that can't come in its state is a fault of this program."""
        before, after = self.state, TRANSITIONS.get((self.state, event))
        assert after is not None, f"session {self.session} at the {self._end} is {before}, and can't be {event}"
        self.state = after
        if after is not before:
            _log.debug("session %s at the %s: %s, was %s", self.session, self._end, after, before)
