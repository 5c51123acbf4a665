"""Relays with an HTTP interface of whatever kind: requests that the configuration has."""

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from jumplab.config_fields import AlsoWritten
from jumplab.driver import errors
from jumplab.drivers.power import PowerInterface
from jumplab_exporter.drivers.http_device import Answer, Credentials, HttpDevice, HttpUrl, Request, Scheme
from jumplab_exporter.drivers.secrets import Secret, SecretInEnvironment, SecretInFile

_UNSET = object()


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"must be a regular expression, and is none: {error}") from None
    return text


Pattern = Annotated[str, AfterValidator(_pattern)]
_HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")]
_HeaderText = Annotated[str, Field(pattern=r"^[^\r\n\x00]*$")]


def _as_request(value: Any) -> Any:
    return {"url": value} if isinstance(value, str) else value


class HttpRequest(BaseModel):
    """A request: a URL alone, or with more.  body: sent as it is;  headers: texts, or secrets."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: HttpUrl
    method: Literal["GET", "POST", "PUT", "PATCH"] = "GET"
    body: str | None = None
    headers: dict[_HeaderName, _HeaderText | Secret] = Field(default_factory=dict)


class StateRequest(HttpRequest):
    """A request for the state.  json_path: where it is in an answer in JSON, as `relays.0.ison`.

    on_pattern, off_pattern: regular expressions for all of the value there, or without `json_path` for any part of the
    answer. (`on` and `off` alone are no names of keys: YAML reads them as true and false.)
    """

    json_path: Annotated[str, Field(min_length=1)] | None = None
    on_pattern: Pattern = "true|on|1|yes"
    off_pattern: Pattern = "false|off|0|no"

    @model_validator(mode="after")
    def _is_told_apart(self) -> Self:
        if self.json_path is None and not {"on_pattern", "off_pattern"} <= self.model_fields_set:
            raise ValueError("must have `json_path`, or both `on_pattern` and `off_pattern`")
        return self


AsRequest = Annotated[HttpRequest, BeforeValidator(_as_request), AlsoWritten({"type": "string", "minLength": 1})]


class HttpPower(PowerInterface, HttpDevice):
    """A relay that HTTP requests switch.  on_request, off_request: a URL, or a mapping with url, method, body, headers.

    state_request: tells the state; without it the last switching counts.  authentication: basic, digest or bearer;
    user, password: for basic and digest;  token: for bearer.
    """

    example_configuration: ClassVar[Mapping[str, Any]] = {
        "on_request": "http://10.0.0.9/relay?state=1",
        "off_request": "http://10.0.0.9/relay?state=0",
        "state_request": {"url": "http://10.0.0.9/relay", "json_path": "state"},
    }

    on_request: AsRequest
    off_request: AsRequest
    state_request: StateRequest | None = None
    authentication: Scheme | None = None
    user: str = ""
    password: Secret | None = None
    token: Secret | None = None
    _on = False

    def __init__(self, **configuration: Any) -> None:
        super().__init__(**configuration)
        bearer = self.authentication == "bearer"
        if bearer and (self.token is None or self.password is not None):
            raise errors.ConfigurationInvalid("authentication: bearer needs `token`, and no `password`")
        if not bearer and self.token is not None:
            raise errors.ConfigurationInvalid("token: is for `authentication: bearer` alone")
        if self.authentication in ("basic", "digest") and (self.password is None or not self.user):
            raise errors.ConfigurationInvalid(f"authentication: {self.authentication} needs `user` and `password`")
        if self.authentication is None and (self.password is not None or self.user):
            raise errors.ConfigurationInvalid("user, password: need `authentication`: basic or digest")

    async def on(self) -> None:
        await self._switch(self.on_request, on=True)

    async def off(self) -> None:
        await self._switch(self.off_request, on=False)

    async def is_on(self) -> bool:
        if self.state_request is None:
            return self._on
        return _state_in(await self._sent(self.state_request, repeatable=True), self.state_request)

    @property
    def has_check(self) -> bool:
        return self.state_request is not None

    async def check(self) -> None:
        """Asks for the state, and switches nothing."""
        await self.is_on()

    async def _switch(self, request: HttpRequest, *, on: bool) -> None:
        """Sent once: nobody knows what a second time would do."""
        await self._sent(request, repeatable=False)
        self._on = on

    async def _sent(self, request: HttpRequest, *, repeatable: bool) -> Answer:
        headers = {
            name: value.read() if isinstance(value, SecretInFile | SecretInEnvironment) else value
            for name, value in request.headers.items()
        }
        body = None if request.body is None else request.body.encode()
        made = Request(
            request.url,
            request.method,
            body=body,
            headers=headers,
            credentials=self._credentials(),
            secrets=[headers[name] for name, value in request.headers.items() if not isinstance(value, str)],
            repeatable=repeatable,
        )
        return (await self.ask(made)).succeeded()

    def _credentials(self) -> Credentials | None:
        secret = self.token or self.password
        if self.authentication is None or secret is None:
            return None
        return Credentials(self.authentication, self.user, secret.read())


def _state_in(answer: Answer, request: StateRequest) -> bool:
    if request.json_path is None:
        is_on, is_off = (bool(re.search(pattern, answer.text)) for pattern in (request.on_pattern, request.off_pattern))
        found = answer.shown()
    else:
        found = _text(_value_at(answer, request.json_path))
        is_on, is_off = (
            bool(re.fullmatch(pattern, found, re.IGNORECASE)) for pattern in (request.on_pattern, request.off_pattern)
        )
    if is_on == is_off:
        which = "both" if is_on else "neither"
        raise OSError(f"{answer.place} answers {found}, and {which} of `on_pattern` and `off_pattern` fit that")
    return is_on


def _value_at(answer: Answer, path: str) -> Any:
    value = answer.json()
    for key in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(key, _UNSET)
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            value = _UNSET
        if value is _UNSET:
            raise OSError(f"{answer.place} answers {answer.shown()}, which has nothing at `json_path` {path}")
    return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
