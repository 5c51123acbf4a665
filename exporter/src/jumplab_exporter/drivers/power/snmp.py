"""An outlet of a PDU that speaks SNMP."""

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType, TracebackType
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field

from jumplab.driver import Driver, errors
from jumplab.drivers.power import PowerInterface
from jumplab_exporter.drivers.extras import needing
from jumplab_exporter.drivers.power.snmp_models import MODELS, Outlet
from jumplab_exporter.drivers.secrets import Secret

with needing("snmp"):
    from pysnmp.hlapi.v3arch import asyncio as snmp
    from pysnmp.proto import errind, rfc1905

_RETRIES = 2  # setting an outlet to on or off twice does no harm
_SHORTEST_PASSPHRASE = 8  # RFC 3414, 11.2

_AUTHENTICATIONS: Mapping[str, Any] = MappingProxyType(
    {
        "md5": snmp.USM_AUTH_HMAC96_MD5,
        "sha": snmp.USM_AUTH_HMAC96_SHA,
        "sha256": snmp.USM_AUTH_HMAC192_SHA256,
        "sha512": snmp.USM_AUTH_HMAC384_SHA512,
    }
)
_ENCRYPTIONS: Mapping[str, Any] = MappingProxyType(
    {"des": snmp.USM_PRIV_CBC56_DES, "aes": snmp.USM_PRIV_CFB128_AES, "aes256": snmp.USM_PRIV_CFB256_AES}
)

Model = Literal["apc", "apc-masterswitch", "cyberpower", "gude-8031", "gude-8210", "raritan"]
Version = Annotated[Literal["1", "2c", "3"], BeforeValidator(lambda value: str(value) if value in (1, 3) else value)]
Oid = Annotated[str, Field(pattern=r"^\.?[0-2](\.[0-9]+)+$")]


class SnmpPower(PowerInterface, Driver):
    """An outlet of a PDU.  host, port: of the PDU;  model: its kind;  outlet: its number there.

    oid, on_value, off_value: for other kinds, of the outlet itself;  state_oid: where another tells the state.
    version: 1, 2c or 3;  community: for 1 and 2c, one that may write;  user, auth_protocol, auth_password,
    privacy_protocol, privacy_password, context: for 3;  timeout: for one request, with its repetitions.
    """

    example_configuration: ClassVar[Mapping[str, Any]] = {
        "host": "10.0.0.10",
        "model": "apc",
        "outlet": 1,
        "community": {"from": "env", "name": "PDU_COMMUNITY"},
    }

    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65535)] = 161
    model: Model | None = None
    outlet: Annotated[int, Field(ge=1)] | None = None
    oid: Oid | None = None
    state_oid: Oid | None = None
    on_value: int | None = None
    off_value: int | None = None
    version: Version = "2c"
    community: Secret | None = None
    user: str = ""
    auth_protocol: Literal["md5", "sha", "sha256", "sha512"] = "sha"
    auth_password: Secret | None = None
    privacy_protocol: Literal["des", "aes", "aes256"] = "aes"
    privacy_password: Secret | None = None
    context: str = ""
    timeout: Annotated[timedelta, Field(gt=timedelta(), le=timedelta(hours=1))] = timedelta(seconds=5)

    def __init__(self, **configuration: Any) -> None:
        super().__init__(**configuration)
        self._outlet = self._named_outlet()
        if self.version == "3" and not self.user:
            raise errors.ConfigurationInvalid("version: 3 needs `user`")
        if self.version == "3" and self.privacy_password is not None and self.auth_password is None:
            raise errors.ConfigurationInvalid("privacy_password: needs `auth_password`, too")
        if self.version != "3" and self.community is None:
            raise errors.ConfigurationInvalid(f"version: {self.version} needs `community`")

    async def __aenter__(self) -> Self:
        self._engine = await asyncio.to_thread(_new_engine)
        return await super().__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._engine.close_dispatcher()
        await super().__aexit__(kind, error, traceback)

    async def on(self) -> None:
        await self._ask(snmp.set_cmd, self._outlet.oid, self._outlet.on)

    async def off(self) -> None:
        await self._ask(snmp.set_cmd, self._outlet.oid, self._outlet.off)

    async def is_on(self) -> bool:
        value = await self._ask(snmp.get_cmd, self._outlet.state_oid)
        states = {self._outlet.state_on: True, self._outlet.state_off: False}
        if str(value) not in map(str, states):
            raise OSError(
                f"{self._place} says {str(value)!r} at {self._outlet.state_oid}, which is neither "
                f"{self._outlet.state_on} (on) nor {self._outlet.state_off} (off)"
            )
        return states[int(value)]

    async def check(self) -> None:
        """Asks for the outlet's state, and switches nothing."""
        await self.is_on()

    def _named_outlet(self) -> Outlet:
        """Where the outlet is. Raises ConfigurationInvalid."""
        if self.model is not None:
            if self.oid or self.state_oid or self.on_value is not None or self.off_value is not None:
                raise errors.ConfigurationInvalid("model: has its own OIDs and values; remove either it or those")
            if self.outlet is None:
                raise errors.ConfigurationInvalid("outlet: is missing; it is the outlet's number, from 1")
            of_model = MODELS[self.model]
            end = f".{self.outlet}"
            return replace(of_model, oid=of_model.oid + end, state_oid=of_model.state_oid + end)
        if self.oid is None or self.on_value is None or self.off_value is None:
            raise errors.ConfigurationInvalid("must have `model` and `outlet`, or `oid`, `on_value` and `off_value`")
        if self.outlet is not None:
            raise errors.ConfigurationInvalid("outlet: is for a `model`; `oid` is of the outlet itself")
        state_oid = self.state_oid or self.oid
        return Outlet(self.oid, self.on_value, self.off_value, state_oid, self.on_value, self.off_value)

    @property
    def _place(self) -> str:
        return f"the PDU at {self.host}:{self.port}"

    async def _ask(self, command: Any, oid: str, value: int | None = None) -> Any:
        """The value at an OID, after it was set. Raises OSError with a sentence."""
        target = await self._target()
        name = snmp.ObjectIdentity(oid)
        bound = snmp.ObjectType(name) if value is None else snmp.ObjectType(name, snmp.Integer32(value))
        failure, status, _, found = await command(
            self._engine,
            self._credentials(),
            target,
            snmp.ContextData(contextName=self.context.encode()),
            bound,
            lookupMib=False,
        )
        if failure:
            raise self._failure(failure)
        if status or isinstance(found[0][1], rfc1905.NoSuchObject | rfc1905.NoSuchInstance | rfc1905.EndOfMibView):
            raise OSError(self._refusal(oid, str(status.prettyPrint()) if status else "noSuchName", value))
        return found[0][1]

    async def _target(self) -> Any:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(self.host, self.port, type=socket.SOCK_DGRAM)
        except OSError:
            raise ConnectionError(f"{self._place} can't be reached: there is no host of this name") from None
        family, *_, address = found[0]
        kind = snmp.Udp6TransportTarget if family == socket.AF_INET6 else snmp.UdpTransportTarget
        patience = self.timeout.total_seconds() / (_RETRIES + 1)
        return await kind.create(address[:2], timeout=patience, retries=_RETRIES)

    def _credentials(self) -> Any:
        if self.version != "3":
            assert self.community is not None
            return snmp.CommunityData(self.community.read(), mpModel=0 if self.version == "1" else 1)
        keys: dict[str, Any] = {}
        if self.auth_password is not None:
            keys |= {"authKey": _passphrase("auth_password", self.auth_password.read())}
            keys |= {"authProtocol": _AUTHENTICATIONS[self.auth_protocol]}
        if self.privacy_password is not None:
            keys |= {"privKey": _passphrase("privacy_password", self.privacy_password.read())}
            keys |= {"privProtocol": _ENCRYPTIONS[self.privacy_protocol]}
        return snmp.UsmUserData(self.user, **keys)

    def _failure(self, failure: Any) -> OSError:
        match failure:
            case errind.RequestTimedOut():
                silent = "a wrong community or user" if self.version != "3" else "a wrong context"
                limit = f"{self.timeout.total_seconds():g} s"
                return TimeoutError(
                    f"{self._place} did not answer within {limit}; most PDUs do not answer {silent}, either"
                )
            case errind.UnknownUserName():
                return PermissionError(f'{self._place} does not know the user "{self.user}"')
            case errind.WrongDigest() | errind.AuthenticationFailure():
                return PermissionError(f"{self._place} refuses `auth_password` or `auth_protocol`; correct them")
            case errind.DecryptionError():
                return PermissionError(f"{self._place} refuses `privacy_password` or `privacy_protocol`; correct them")
            case errind.UnsupportedSecurityLevel():
                return PermissionError(f'{self._place} has the user "{self.user}" with other passwords set or unset')
            case _:
                return OSError(f"{self._place} can't be asked: {failure}")

    def _refusal(self, oid: str, status: str, value: int | None) -> str:
        if status in ("noSuchName", "noCreation", "notWritable", "noAccess", "readOnly"):
            also = "" if value is None else ", or it may only be read by this community or user"
            return f"{self._place} has nothing at {oid}{also}; check `outlet`, `model` and `oid`"
        return f"{self._place} refuses {oid}: {status}"


def _new_engine() -> Any:
    """An engine with what its first request would load: that takes a second, in which nothing else could run."""
    engine = snmp.SnmpEngine()
    engine.get_mib_builder().load_modules("PYSNMP-SOURCE-MIB", "SNMPv2-TM", "SNMP-VIEW-BASED-ACM-MIB", "PYSNMP-MIB")
    return engine


def _passphrase(setting: str, secret: str) -> str:
    if len(secret) < _SHORTEST_PASSPHRASE:
        raise ValueError(f"{setting}: the secret is shorter than {_SHORTEST_PASSPHRASE} characters, as SNMP wants it")
    return secret
