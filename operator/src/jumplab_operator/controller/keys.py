"""The operator's keys: one signs tokens, the authority signs server certificates. They outlive every process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from jumplab_operator.authority import ROTATION, Authority, Rotation, authority_of
from jumplab_operator.controller.server import Certificate
from jumplab_operator.errors import KeysUnusable
from jumplab_operator.pki import Issued, issue_server_certificate, make_authority, read_key

SIGNING_KEY, AUTHORITY_KEY, AUTHORITY_CERTIFICATE = "signing.key", "ca.key", "ca.crt"


@dataclass(frozen=True, slots=True)
class Keys:
    """The operator's signing key."""

    signing: ec.EllipticCurvePrivateKey
    authority: Authority

    @classmethod
    def make(cls, now: datetime) -> "Keys":
        """New ones."""
        return cls(ec.generate_private_key(ec.SECP256R1()), authority_of(make_authority(now), None))

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> "Keys":
        """Reads what `files` gave. Raises KeysUnusable."""
        try:
            current = Issued(files[AUTHORITY_CERTIFICATE], files[AUTHORITY_KEY])
            return cls(read_signing_key(files[SIGNING_KEY]), authority_of(current, rotation_in(files)))
        except KeyError as error:
            raise KeysUnusable(f"{error.args[0]} is missing") from error
        except ValueError as error:
            raise KeysUnusable(f"{AUTHORITY_CERTIFICATE} and {AUTHORITY_KEY} can't be used: {error}") from error

    def files(self) -> dict[str, bytes]:
        """The keys as PEM, by file name: private ones among them."""
        return {
            SIGNING_KEY: signing_key_pem(self.signing),
            AUTHORITY_KEY: self.authority.signer.key_pem,
            AUTHORITY_CERTIFICATE: self.authority.signer.certificate_pem,
        }


def rotation_in(files: Mapping[str, bytes]) -> Rotation | None:
    """The rotation of the authority that is under way, if one is. Raises KeysUnusable."""
    if ROTATION not in files:
        return None
    try:
        return Rotation.from_pem(files[ROTATION])
    except ValueError as error:
        raise KeysUnusable(f"{ROTATION} is damaged: {error}") from error


def read_signing_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    """Raises KeysUnusable."""
    try:
        return read_key(pem)
    except ValueError as error:
        raise KeysUnusable(f"{SIGNING_KEY} is no intact private key for elliptic curves in PEM") from error


def signing_key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def server_certificate(authority: Issued, names: Sequence[str], now: datetime) -> Certificate:
    """A new server certificate for host names and addresses. Made at each start, it never gets near its expiry."""
    issued = issue_server_certificate(authority, list(dict.fromkeys(names)), now)
    return issued.key_pem, issued.certificate_pem
