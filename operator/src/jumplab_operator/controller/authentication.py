"""Finds the caller's resource by the metadata of a call.

Whether the Secret still has the presented token is asked at once for another token, beside the call where the last
answer is older than `FRESH`, and in the call's way where it is older than `RECHECK`: by then a token that was replaced
is dead. It is asked for at once when the credential was removed. Where the Kubernetes API doesn't answer, what
was found last stands: sessions go on while it is away.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from jumplab.transport.tokens import presented_token
from jumplab_operator.controller.credentials import AcceptedTokens, CredentialIssuer, InvalidCredential, Subject
from jumplab_operator.controller.lab import Lab
from jumplab_operator.controller.refusals import NotAuthenticated, Unavailable
from jumplab_operator.errors import ApiError
from jumplab_operator.names import Name
from jumplab_operator.resources import Client, Exporter

FRESH = timedelta(seconds=5)
RECHECK = timedelta(seconds=10)

CurrentTokens = Callable[[str, Name], Awaitable[AcceptedTokens | None]]
"""The tokens in the Secret of a resource, by kind and name, at present; None where there is none, or an empty one."""


@dataclass(frozen=True, slots=True)
class _Seen:
    tokens: AcceptedTokens
    secret: str
    """The uid of the caller's Secret, by the status of its resource."""
    at: datetime


class Authenticator:
    """Authenticates callers.

    current_tokens: raises ApiError where it can't be read.  `check_beside` must be running, else nobody asks beside.
    """

    def __init__(
        self, lab: Lab, issuer: CredentialIssuer, current_tokens: CurrentTokens, now: Callable[[], datetime]
    ) -> None:
        self._lab = lab
        self._issuer = issuer
        self._current_tokens = current_tokens
        self._now = now
        self._seen: dict[Subject, _Seen] = {}
        self._stale: asyncio.Queue[Subject] = asyncio.Queue()
        self._asked: set[Subject] = set()

    async def authenticate(self, metadata: Mapping[str, str]) -> Subject:
        """The caller that the metadata proves. Raises NotAuthenticated, Unavailable."""
        token = bearer_token(metadata)
        try:
            subject = self._issuer.read(token)
        except InvalidCredential as error:
            raise NotAuthenticated(str(error)) from error
        self._check_claim(subject, metadata)
        self._check_resource(subject)
        await self._check_current(subject, token)
        self._check_resource(subject)  # it may have gone meanwhile
        return subject

    @contextmanager
    def calling(self, subject: Subject, token: str) -> Iterator["asyncio.Future[str]"]:
        """A call is open while the context lasts. Done, with the reason, once it is to end: its caller is revoked, or
        its token is not accepted any more.

        Raises NotAuthenticated where the caller has been revoked since the call began.
        """
        with self._lab.calling(subject.uid, token) as revoked:
            self._check_resource(subject)
            yield revoked

    def ask_again(self, uid: str) -> None:
        """The tokens of this client or exporter have changed: its next call waits for its Secret."""
        for subject in [each for each in self._seen if each.uid == uid]:
            del self._seen[subject]

    async def check_beside(self) -> None:
        """Checks the tokens of active callers, one after the other, for ever."""
        while True:
            subject = await self._stale.get()
            try:
                if (seen := self._seen.get(subject)) is not None:
                    await self._ask(subject, seen.tokens.token)
            except (ApiError, NotAuthenticated):
                pass  # the next call fails with the reason
            finally:
                self._asked.discard(subject)

    def _check_claim(self, subject: Subject, metadata: Mapping[str, str]) -> None:
        """The identity in the metadata must be that of the token; metadata without an identity are fine."""
        proven = {
            "jumpstarter-kind": subject.kind,
            "jumpstarter-namespace": subject.name.namespace,
            "jumpstarter-name": subject.name.name,
        }
        for key, value in proven.items():
            if metadata.get(key, value) != value:
                raise NotAuthenticated(
                    f'the token is {_phrase(subject)}\'s, but {key} says "{metadata[key]}"; correct the configuration'
                )

    def _check_resource(self, subject: Subject) -> None:
        find = self._lab.client if subject.kind == "Client" else self._lab.exporter
        resource = find(subject.name)
        kind = Client if subject.kind == "Client" else Exporter
        if resource is None and (problem := self._lab.problem(kind, subject.name)):
            raise Unavailable(f"{_phrase(subject)} can't be read ({problem}); an administrator can correct it")
        if resource is None:
            raise NotAuthenticated(f"there is no {_phrase(subject)}; an administrator can create it")
        if subject.kind == "Client" and resource.metadata.deletion_timestamp is not None:
            raise NotAuthenticated(f"{_phrase(subject)} is being deleted; an administrator can create it again")
        if isinstance(resource, Client) and not resource.spec.enabled:
            raise NotAuthenticated(f"{_phrase(subject)} is disabled; an administrator can enable it again")
        if resource.uid != subject.uid:
            raise NotAuthenticated(f"{_phrase(subject)} was recreated after this token was issued; use the new token")

    async def _check_current(self, subject: Subject, token: str) -> None:
        seen = self._seen.get(subject)
        now = self._now()
        matches = seen is not None and seen.tokens.accepts(token, now) and seen.secret == self._secret(subject)
        age = now - seen.at if seen is not None and matches else RECHECK
        if FRESH <= age < RECHECK and subject not in self._asked:
            self._asked.add(subject)
            self._stale.put_nowait(subject)
        if age < RECHECK:
            return
        try:
            await self._ask(subject, token)
        except ApiError as error:
            if not matches:
                raise Unavailable(f"the token can't be checked now ({error}); try again in a moment") from error

    async def _ask(self, subject: Subject, token: str) -> None:
        """Raises NotAuthenticated where the Secret has another token, ApiError where it can't be read."""
        secret = self._secret(subject)
        current = await self._current_tokens(subject.kind, subject.name)
        if current is None or not current.accepts(token, self._now()):
            self._seen.pop(subject, None)
            raise NotAuthenticated(f"the token of {_phrase(subject)} was replaced; use the new one")
        self._seen[subject] = _Seen(current, secret, self._now())

    def _secret(self, subject: Subject) -> str:
        find = self._lab.client if subject.kind == "Client" else self._lab.exporter
        resource = find(subject.name)
        return resource.status.credential_uid if resource is not None else ""


def bearer_token(metadata: Mapping[str, str]) -> str:
    """The token that a call's metadata present. Raises NotAuthenticated where there is none."""
    token = presented_token(metadata.get("authorization", ""))
    if not token:
        raise NotAuthenticated("no token was presented (authorization: Bearer TOKEN)")
    return token


def _phrase(subject: Subject) -> str:
    return f'{subject.kind.lower()} "{subject.name.name}" in namespace "{subject.name.namespace}"'
