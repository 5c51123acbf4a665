"""Devices that speak SSH: their settings, and a connection to them whose host key is a configured one."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field

from jumplab.driver import Driver, errors
from jumplab_exporter.drivers.extras import needing
from jumplab_exporter.drivers.refusals import reason_of
from jumplab_exporter.drivers.secrets import PrivateKey, Secret

with needing("ssh"):
    import asyncssh

# A device that loses its power sends nothing: after 15 s of silence it is asked three times, every 15 s.
_KEEPALIVE_SECONDS = 15
_KEEPALIVE_COUNT = 3
# Behind those of the configured key, so that one of another kind is seen, and named, before it is refused.
_HOST_KEY_ALGORITHMS = (
    *("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    *("rsa-sha2-512", "rsa-sha2-256"),
)


def _is_public_key(text: str) -> str:
    try:
        asyncssh.import_public_key(text)
    except asyncssh.KeyImportError:
        raise ValueError(
            "it is no public key; write the line of the device's /etc/ssh/ssh_host_ed25519_key.pub, as "
            '"ssh-ed25519 AAAA…", or what ssh-keyscan prints without the host before it'
        ) from None
    return text


HostKey = Annotated[str, AfterValidator(_is_public_key)]


class WrongHostKey(ConnectionError):
    """The device has another host key than the configured one."""


class SshDevice(Driver):
    """What drivers over SSH share.

    host, port: where the device is;  user: of the device;  host_key: its public host key, "ssh-ed25519 AAAA…": a device
    with another one is refused.  password, private_key: one of them, or both;  passphrase: of the private key.
    timeout: for connecting.
    """

    example_configuration: ClassVar[Mapping[str, Any]] = {
        "host": "192.168.7.2",
        "user": "root",
        "host_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEXzsVr7Nl3EWWpgxFDvPTIQUGgsUVc+xYC37bdZYQQW",
        "password": {"from": "env", "name": "BOARD_PASSWORD"},
    }

    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65535)] = 22
    user: Annotated[str, Field(min_length=1)]
    host_key: HostKey
    password: Secret | None = None
    private_key: PrivateKey | None = None
    passphrase: Secret | None = None
    timeout: Annotated[timedelta, Field(gt=timedelta(), le=timedelta(hours=1))] = timedelta(seconds=10)

    def __init__(self, **configuration: Any) -> None:
        super().__init__(**configuration)
        if self.password is None and self.private_key is None:
            raise errors.ConfigurationInvalid("must have `password` or `private_key`")
        if self.passphrase is not None and self.private_key is None:
            raise errors.ConfigurationInvalid("passphrase: is for a `private_key`; remove it, or name that, too")

    @property
    def place(self) -> str:
        """The device in sentences."""
        return f"{self.host}:{self.port}"

    async def connected(self) -> "asyncssh.SSHClientConnection":
        """A new connection, the caller's to close. Raises WrongHostKey, PermissionError where the login is
        refused, another OSError where the device can't be reached, ValueError for a wrong key file."""
        keys = await asyncio.to_thread(self._own_keys)
        seen: list[asyncssh.SSHKey] = []
        limit = self.timeout.total_seconds()
        try:
            async with asyncio.timeout(limit):
                return await asyncssh.connect(
                    self.host,
                    self.port,
                    options=self._options(keys),
                    client_factory=lambda: _Client(seen),
                )
        except TimeoutError:
            raise TimeoutError(f"{self.place} did not answer within {limit:g} s") from None
        except asyncssh.HostKeyNotVerifiable:
            raise WrongHostKey(self._wrong_host_key(seen)) from None
        except asyncssh.PermissionDenied:
            raise PermissionError(self._denied()) from None
        except asyncssh.Error as error:
            raise ConnectionError(
                f"{self.place} does not go on ({error.reason.rstrip('.')}); is it an SSH server?"
            ) from None
        except OSError as error:
            raise ConnectionError(f"{self.place} can't be reached: {reason_of(error)}") from None

    def _options(self, keys: list["asyncssh.SSHKey"]) -> "asyncssh.SSHClientConnectionOptions":
        """Nothing of the exporter's user counts: no ~/.ssh, no agent, no Kerberos."""
        host_key = asyncssh.import_public_key(self.host_key)
        return asyncssh.SSHClientConnectionOptions(
            config=None,
            username=self.user,
            password=self.password.read() if self.password is not None else None,
            client_keys=keys or None,
            known_hosts=([host_key], [], []),
            server_host_key_algs=[*dict.fromkeys((*_algorithms_of(host_key), *_HOST_KEY_ALGORITHMS))],
            agent_path=None,
            gss_host=None,
            host_based_auth=False,
            public_key_auth=bool(keys),
            password_auth=self.password is not None,
            kbdint_auth=self.password is not None,
            keepalive_interval=_KEEPALIVE_SECONDS,
            keepalive_count_max=_KEEPALIVE_COUNT,
        )

    def _own_keys(self) -> list["asyncssh.SSHKey"]:
        if self.private_key is None:
            return []
        passphrase = self.passphrase.read() if self.passphrase is not None else None
        path = self.private_key.path
        try:
            return [asyncssh.import_private_key(self.private_key.read(), passphrase)]
        except asyncssh.KeyEncryptionError:
            raise ValueError(
                f"private_key: {path} can't be opened with this passphrase; correct `passphrase`"
            ) from None
        except asyncssh.KeyImportError as error:
            if passphrase is None and "passphrase" in str(error).lower():
                raise ValueError(f"private_key: {path} has a passphrase; set `passphrase`") from None
            raise ValueError(f"private_key: {path} is no private key as ssh-keygen writes it") from None

    def _denied(self) -> str:
        named = [f"`{name}`" for name in ("password", "private_key") if getattr(self, name) is not None]
        return f'{self.place} refuses the user "{self.user}" with this {" and ".join(named)}; correct it'

    def _wrong_host_key(self, seen: list["asyncssh.SSHKey"]) -> str:
        if not seen:
            return f"{self.place} has another host key than `host_key`"
        shown = seen[-1].export_public_key().decode().split()
        return (
            f"{self.place} has another host key than `host_key`: {seen[-1].get_fingerprint()}. If that is the device's "
            f'(ssh-keygen -lf shows it there), configure host_key: "{" ".join(shown[:2])}"'
        )


def _algorithms_of(key: "asyncssh.SSHKey") -> list[str]:
    return [algorithm.decode() for algorithm in key.sig_algorithms]


class _Client(asyncssh.SSHClient):
    """Remembers a host key that is not the configured one."""

    def __init__(self, seen: list["asyncssh.SSHKey"]) -> None:
        self._seen = seen

    def validate_host_public_key(self, host: str, addr: str, port: int, key: "asyncssh.SSHKey") -> bool:  # noqa: ARG002
        self._seen.append(key)
        return False
