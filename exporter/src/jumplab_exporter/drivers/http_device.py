"""Devices with an HTTP interface: requests to one, and why one failed, as sentences without secrets."""

import asyncio
import html
import json
import re
import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Literal, NamedTuple, Self
from urllib.parse import quote, quote_plus

import aiohttp
from pydantic import AfterValidator, BeforeValidator, Field
from yarl import URL

from jumplab.driver import Driver
from jumplab_exporter.drivers.refusals import reason_of

Timeout = Annotated[timedelta, Field(gt=timedelta(), le=timedelta(hours=1))]
"""For one request, with its repetitions."""

Scheme = Literal["basic", "digest", "bearer"]

_LONGEST_ANSWER_BYTES = 1 << 20
_SHOWN_CHARACTERS = 120
_PAUSES_SECONDS = (0.2, 0.5)
"""Before a request is sent again that may be sent twice, or that has not been sent at all."""
_REFUSED = (401, 403)
_USERINFO = re.compile(r"^[^/?#]*//[^/?#]*@")


def _without_user(value: Any) -> Any:
    """Comes before all other checks, which would show the URL."""
    if isinstance(value, str) and _USERINFO.match(value):
        raise ValueError("must have no user and no password in it; use the settings `user` and `password`")
    return value


def _checked(text: str) -> str:
    try:
        url = URL(text)
        port = url.port
    except ValueError as error:
        raise ValueError(f"must be a URL, as http://10.0.0.7, not {json.dumps(text)}: {error}") from None
    if url.scheme not in ("http", "https") or not url.host or not port:
        raise ValueError(f"must be a URL that begins with http:// or https://, as http://10.0.0.7, not {text!r}")
    return text


def _address(text: str) -> str:
    if URL(text).raw_query_string or URL(text).raw_fragment:
        raise ValueError(f"must be the address of the device alone, as http://10.0.0.7, not {text!r}")
    return text.rstrip("/")


def _readable(file: Path) -> Path:
    try:
        ssl.create_default_context(cafile=file)
    except (OSError, ssl.SSLError) as error:
        raise ValueError(f"{file} can't be used as certificates in PEM: {error.strerror or error}") from None
    return file


HttpUrl = Annotated[str, BeforeValidator(_without_user), AfterValidator(_checked)]
"""A URL without user and password."""

HttpAddress = Annotated[HttpUrl, AfterValidator(_address)]
"""The URL of a device, without a query."""

Certificates = Annotated[Path, AfterValidator(_readable)]
"""A file of certificates in PEM."""


class Credentials(NamedTuple):
    """What a device is shown.  secret: a password, or for `bearer` a token."""

    scheme: Scheme
    user: str
    secret: str

    def __repr__(self) -> str:
        return f"<{self.scheme} credentials>"


@dataclass(frozen=True, slots=True)
class Request:
    """A request.  repeatable: whether doing it twice does the same as doing it once.

    secrets: texts in it that no message shows, beside the credentials: a device may answer what it was sent.
    """

    url: str
    method: str = "GET"
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    credentials: Credentials | None = None
    secrets: Collection[str] = field(default=(), repr=False)
    repeatable: bool = True


class Answer(NamedTuple):
    """An answer of a device.  place: whose it is, for messages."""

    place: str
    status: int
    text: str
    asked_scheme: str
    secrets: Collection[str]

    def succeeded(self) -> "Answer":
        """Itself. Raises OSError where its status is that of a failure."""
        if self.status >= 400:
            raise OSError(f"{self.place} answers with status {self.status}: {self.shown()}")
        return self

    def json(self) -> Any:
        """Its content. Raises OSError where that is no JSON."""
        try:
            return json.loads(self.text)
        except ValueError:
            raise OSError(
                f"{self.place} answers {self.shown()} where JSON is expected; is this address the device's?"
            ) from None

    def object(self) -> Mapping[str, Any]:
        """Its content, a JSON object. Raises OSError."""
        content = self.json()
        if not isinstance(content, dict):
            raise OSError(f"{self.place} answers {self.shown()} where a JSON object is expected")
        return content

    def shown(self) -> str:
        """Its begin, in one line."""
        if re.match(r"\s*<(!doctype|html)", self.text, re.IGNORECASE):
            return "a web page (HTML)"
        text = " ".join(_without(self.secrets, self.text).split())
        if not text:
            return "nothing"
        short = text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
        return json.dumps(short, ensure_ascii=False)


class HttpDevice(Driver):
    """A device with an HTTP interface.  timeout: for one request;  ca_file: certificates in PEM to trust for https://,
    in place of the system's."""

    timeout: Timeout = timedelta(seconds=5)
    ca_file: Certificates | None = None

    async def __aenter__(self) -> Self:
        context = ssl.create_default_context(cafile=self.ca_file)
        # A connection for each request: a device's second answer to one request never counts as that to the next.
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context, force_close=True), cookie_jar=aiohttp.DummyCookieJar()
        )
        return await super().__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._http.close()
        await super().__aexit__(kind, error, traceback)

    async def ask(self, request: Request) -> Answer:
        """The answer to a request, whatever its status; a redirection is not followed.

        Raises PermissionError where the credentials are refused, ConnectionError, TimeoutError and OSError.
        """
        place = place_of(request.url)
        limit = self.timeout.total_seconds()
        try:
            async with asyncio.timeout(limit):
                answer = await self._ask_again(request, place)
        except TimeoutError:
            raise TimeoutError(f"{place} did not answer within {limit:g} s") from None
        if answer.status in _REFUSED:
            raise PermissionError(_refusal(answer, request.credentials))
        return answer

    async def _ask_again(self, request: Request, place: str) -> Answer:
        """Asks until there is an answer, a few times at most."""
        pauses = iter(_PAUSES_SECONDS)
        while True:
            try:
                return await self._ask_once(request, place)
            except aiohttp.ClientError as error:
                pause = next(pauses, None)
                if pause is None or not _is_worth_another(error, request):
                    raise _explained(error, place) from None  # its cause may show the query
            await asyncio.sleep(pause)

    async def _ask_once(self, request: Request, place: str) -> Answer:
        credentials, headers = request.credentials, dict(request.headers)
        middlewares: tuple[aiohttp.ClientMiddlewareType, ...] = (_once,)
        if credentials is not None and credentials.scheme == "digest":
            middlewares = (_once, aiohttp.DigestAuthMiddleware(credentials.user, credentials.secret))
        elif credentials is not None and credentials.scheme == "basic":
            headers["Authorization"] = aiohttp.encode_basic_auth(credentials.user, credentials.secret)
        elif credentials is not None:
            headers["Authorization"] = f"Bearer {credentials.secret}"
        async with self._http.request(
            request.method,
            URL(request.url).update_query(request.query),
            data=request.body,
            headers=headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(None),
            middlewares=middlewares,
        ) as response:
            if 300 <= response.status < 400:
                raise OSError(_redirection(place, response))
            data = await response.content.read(_LONGEST_ANSWER_BYTES)
            while chunk := await response.content.read(_LONGEST_ANSWER_BYTES):
                data += chunk
                if len(data) > _LONGEST_ANSWER_BYTES:
                    raise OSError(f"{place} answers more than 1 MiB; is this address the device's?")
            challenge = response.headers.get("WWW-Authenticate", "").partition(" ")[0].lower()
            return Answer(place, response.status, data.decode(errors="replace"), challenge, _secrets_of(request))


def _secrets_of(request: Request) -> list[str]:
    """The secrets of a request in each form in which it has them."""
    shown = request.credentials
    words = [*request.secrets, *([shown.secret] if shown is not None else [])]
    if shown is not None and shown.scheme == "basic":
        words.append(aiohttp.encode_basic_auth(shown.user, shown.secret).partition(" ")[2])
    return [form for word in words for form in (word, quote(word), quote_plus(word), html.escape(word))]


def _without(secrets: Collection[str], text: str) -> str:
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "…")
    return text


class _LostError(aiohttp.ClientConnectionError):
    """The connection was lost after the request was sent, or a part of it."""


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keeps aiohttp from sending a GET again, which it does where a connection is lost: relays are switched by GET."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _LostError from error


def place_of(url: str) -> str:
    """A URL without its path and query, which may have secrets."""
    return str(URL(url).origin())


def _is_worth_another(error: aiohttp.ClientError, request: Request) -> bool:
    """Whether the request may be sent again: it did not reach the device, or may reach it twice."""
    if isinstance(error, aiohttp.ClientSSLError | aiohttp.ClientConnectorDNSError):
        return False
    lost = isinstance(error, aiohttp.ClientConnectionError | aiohttp.ClientPayloadError)
    return isinstance(error, aiohttp.ClientConnectorError) or (request.repeatable and lost)


def _explained(error: aiohttp.ClientError, place: str) -> OSError:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            reason = getattr(error.certificate_error, "verify_message", "") or "it can't be verified"
            return ConnectionError(
                f"{place} has a certificate that is not trusted: {reason}; write the authority that signed it, or the "
                "certificate itself, into a file and name that as `ca_file`"
            )
        case aiohttp.ClientConnectorSSLError():
            return ConnectionError(f"{place} does not speak TLS as asked; is it http:// in place of https://?")
        case aiohttp.ClientConnectorDNSError():
            return ConnectionError(f"{place} can't be reached: there is no host of this name")
        case aiohttp.ClientConnectorError():
            return ConnectionError(f"{place} can't be reached: {reason_of(error.os_error)}")
        case aiohttp.ClientPayloadError():
            return ConnectionError(f"{place} broke off in its answer")
        case aiohttp.ClientConnectionError():
            return ConnectionError(f"{place} closed the connection without an answer")
        case _:
            return OSError(f"{place} does not answer as HTTP prescribes")


def _refusal(answer: Answer, credentials: Credentials | None) -> str:
    asked = answer.asked_scheme
    if credentials is None:
        return f"{answer.place} asks for a password; set `password`"
    if asked and asked != credentials.scheme:
        return f"{answer.place} wants {asked} authentication in place of {credentials.scheme}"
    if answer.status == 403:
        return f"{answer.place} forbids it to these credentials (status 403)"
    what = "token" if credentials.scheme == "bearer" else f'password of the user "{credentials.user}"'
    return f"{answer.place} refuses the {what}; correct it"


def _redirection(place: str, response: aiohttp.ClientResponse) -> str:
    try:
        target = place_of(str(response.url.join(URL(response.headers.get("Location", "")))))
    except ValueError:
        target = "an address that is none"
    where = "another address of its own" if target == place else target
    return f"{place} redirects to {where}, which is not followed; write the address that answers itself"
