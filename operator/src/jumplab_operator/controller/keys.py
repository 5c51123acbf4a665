"""The operator's keys: one signs tokens, the authority signs server certificates. They outlive every process."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from jumplab_operator.controller.server import Certificate
from jumplab_operator.standalone.certificates import Issued, issue_server_certificate, make_authority

SIGNING_KEY, AUTHORITY_KEY, AUTHORITY_CERTIFICATE = "signing.key", "ca.key", "ca.crt"

# A server certificate is replaced so long before it expires.
_RENEW_BEFORE_EXPIRY = timedelta(days=30)


class UnusableKeys(Exception):
    """Stored keys that can't be read; the message says which."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What the operator signs with."""

    signing: ec.EllipticCurvePrivateKey
    authority: Issued

    @classmethod
    def make(cls, now: datetime) -> "Keys":
        """New ones."""
        return cls(ec.generate_private_key(ec.SECP256R1()), make_authority(now))

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> "Keys":
        """Reads what `files` gave. Raises UnusableKeys."""
        try:
            signing = read_signing_key(files[SIGNING_KEY])
            return cls(signing, Issued(files[AUTHORITY_CERTIFICATE], files[AUTHORITY_KEY]))
        except KeyError as error:
            raise UnusableKeys(f"{error.args[0]} is missing") from error

    def files(self) -> dict[str, bytes]:
        """The keys as PEM, by file name: private ones among them."""
        return {
            SIGNING_KEY: signing_key_pem(self.signing),
            AUTHORITY_KEY: self.authority.key_pem,
            AUTHORITY_CERTIFICATE: self.authority.certificate_pem,
        }


def read_signing_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    """Raises UnusableKeys."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise UnusableKeys(f"{SIGNING_KEY} is no private key in PEM") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise UnusableKeys(f"{SIGNING_KEY} is no elliptic curve key")
    return key


def signing_key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


class ServerCertificate:
    """A server certificate for host names and addresses, renewed in time. Calling it gives the present one."""

    def __init__(self, authority: Issued, names: Sequence[str], now: Callable[[], datetime]) -> None:
        self._authority = authority
        self._names = list(dict.fromkeys(names))
        self._now = now
        self._issue()

    def __call__(self) -> Certificate:
        if self._now() >= self._renewal:
            self._issue()
        return self._current

    def _issue(self) -> None:
        issued = issue_server_certificate(self._authority, self._names, self._now())
        expires = x509.load_pem_x509_certificate(issued.certificate_pem).not_valid_after_utc
        self._renewal = expires - _RENEW_BEFORE_EXPIRY
        self._current = (issued.key_pem, issued.certificate_pem)
