"""Calls of clients and exporters that are open at the controller, and what ends them."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from jumplab_operator.audit import credential_id
from jumplab_operator.controller.credentials import AcceptedTokens

_REMEMBERED = timedelta(minutes=1)
"""How long the end of a credential is remembered, for calls that began with it a moment before."""

_SHOWN_WITHIN = timedelta(seconds=5)
"""How long what is open may take to show the new credential. With the pause between two looks it is less than ten
seconds."""

Changed = Callable[[str, frozenset[str]], None]


@dataclass(slots=True)
class _Ending:
    """A credential that ends at a moment, or has ended.  why: for its calls."""

    moment: datetime
    why: str
    announced: bool = False


class Callers:
    """By the uids of clients and exporters."""

    def __init__(self) -> None:
        self._open: defaultdict[str, dict[asyncio.Future[str], str]] = defaultdict(dict)
        """The id of the credential of each call."""
        self._tokens: dict[str, AcceptedTokens] = {}
        self._endings: dict[str, dict[str, _Ending]] = {}
        """By the ids of credentials."""
        self._on_change: list[Changed] = []

    def on_change(self, changed: Changed) -> None:
        """Has `changed` called with a uid when its tokens are replaced, and again when the time of earlier ones is
        over, with the ids of their credentials."""
        self._on_change.append(changed)

    @contextmanager
    def calling(self, uid: str, token: str) -> Iterator["asyncio.Future[str]"]:
        """A call is open while the context lasts. Done, with the reason, once the caller is revoked, or its token was
        replaced and is no longer accepted."""
        over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._open[uid][over] = credential_id(token)
        try:
            yield over
        finally:
            self._open[uid].pop(over, None)
            if not self._open[uid]:
                del self._open[uid]

    def revoke(self, uid: str, why: str) -> None:
        """Ends the caller's open calls."""
        for over in self._open.get(uid, ()):
            if not over.done():
                over.set_result(why)

    def note_tokens(self, uid: str, tokens: AcceptedTokens, now: datetime, why: str) -> None:
        """These are the caller's tokens from now on. Calls by others end seconds later, with the reason `why`."""
        before = self._tokens.get(uid)
        self._tokens[uid] = tokens
        endings = self._endings.setdefault(uid, {})
        for token in filter(None, (before.token, before.previous) if before else ()):
            endings.setdefault(credential_id(token), _Ending(now + _SHOWN_WITHIN, why))
        if tokens.previous and tokens.until is not None:
            endings[credential_id(tokens.previous)] = _Ending(tokens.until, why)
        endings.pop(credential_id(tokens.token), None)
        if before is not None and before != tokens:
            self._notify(uid, frozenset())

    def end_replaced(self, now: datetime) -> None:
        """Ends the calls whose credential's time is over by now."""
        for uid, endings in list(self._endings.items()):
            over = {key: ending for key, ending in endings.items() if ending.moment <= now}
            for call, credential in self._open.get(uid, {}).items():
                if credential in over and not call.done():
                    call.set_result(over[credential].why)
            if fresh := frozenset(key for key, ending in over.items() if not ending.announced):
                self._notify(uid, fresh)
            for key, ending in over.items():
                ending.announced = True
                if ending.moment + _REMEMBERED <= now:
                    del endings[key]
            if not endings:
                del self._endings[uid]

    def credentials(self, uid: str, now: datetime) -> tuple[str, ...]:
        """The ids of the credentials by which what the caller has open may go on; empty where they aren't known."""
        tokens = self._tokens.get(uid)
        if tokens is None:
            return ()
        ending = (key for key, each in self._endings.get(uid, {}).items() if now < each.moment)
        return credential_id(tokens.token), *ending

    def forget(self, uid: str) -> None:
        """The client or exporter is gone."""
        self._tokens.pop(uid, None)
        self._endings.pop(uid, None)

    def _notify(self, uid: str, ended: frozenset[str]) -> None:
        for changed in self._on_change:
            changed(uid, ended)

    def uids(self) -> Collection[str]:
        """The uids of the clients and exporters with an open call."""
        return self._open.keys()
