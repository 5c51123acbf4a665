"""The control plane's own certificate authority, and the server certificates that it issues."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_AUTHORITY_LIFETIME = timedelta(days=3650)
_SERVER_LIFETIME = timedelta(days=398)
_CLOCK_TOLERANCE = timedelta(days=1)
"""How far clocks of clients may be behind, or that of the operator ahead."""
_RENEWED_BEFORE_END = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with its private key, both PEM."""

    certificate_pem: bytes
    key_pem: bytes


def make_authority(now: datetime, name: str = "jumplab standalone") -> Issued:
    """A new certificate authority, valid for ten years.

    name: one that follows another needs a name of its own, by which programs find the one that has signed.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _dated(subject, subject, key.public_key(), now, _AUTHORITY_LIFETIME)
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(usage, critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    return _signed(builder, key, key)


def can_sign(authority: Issued) -> bool:
    """Whether it is an intact certificate that signed itself, with the key that belongs to it."""
    try:
        certificate = x509.load_pem_x509_certificate(authority.certificate_pem)
        certificate.verify_directly_issued_by(certificate)
        key = read_key(authority.key_pem)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm, x509.InvalidVersion):
        return False
    return key.public_key() == certificate.public_key()


def date_problem(authority: Issued, now: datetime) -> str:
    """Why exporters and clients refuse what the authority signs now, as a sentence; empty where they don't."""
    certificate = x509.load_pem_x509_certificate(authority.certificate_pem)
    clock = f"this machine's clock says {now:%Y-%m-%d %H:%M} UTC"
    if now < certificate.not_valid_before_utc:
        begin = f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
        return f"the certificate authority is not valid before {begin}, and {clock}; set the clock"
    if now > certificate.not_valid_after_utc:
        end = f"{certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
        what_to_do = "set the clock, or replace the authority with `jumplab-operator rotate ca`"
        return f"the certificate authority has expired at {end}, and {clock}; {what_to_do}"
    return ""


def read_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    """An intact private key for elliptic curves. Raises ValueError.

    The file has the public half as well: a changed byte in either shows when they are compared.
    """
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (TypeError, UnsupportedAlgorithm) as error:  # TypeError: a key with a password
        raise ValueError("it is no private key without a password") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("it is not an elliptic curve key")
    numbers = key.private_numbers()
    if ec.derive_private_key(numbers.private_value, key.curve).public_key() != key.public_key():
        raise ValueError("its private and its public half don't belong together")
    return key


def issue_server_certificate(authority: Issued, names: Sequence[str], now: datetime) -> Issued:
    """A server certificate for host names and IP addresses, signed by the authority, valid for thirteen months."""
    issuer = x509.load_pem_x509_certificate(authority.certificate_pem)
    issuer_key = read_key(authority.key_pem)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "jumplab")])
    builder = _dated(subject, issuer.subject, key.public_key(), now, _SERVER_LIFETIME)
    builder = builder.add_extension(x509.SubjectAlternativeName([_general_name(n) for n in names]), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    return _signed(builder.add_extension(issuer_id, critical=False), issuer_key, key)


def is_due(certificate_pem: bytes, now: datetime) -> bool:
    """Whether a server certificate is to be replaced: it ends within a month, or isn't valid yet by this clock."""
    certificate = x509.load_pem_x509_certificate(certificate_pem)
    end = certificate.not_valid_after_utc - _RENEWED_BEFORE_END
    return not certificate.not_valid_before_utc <= now < end


def _dated(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    return x509.CertificateBuilder(
        subject_name=subject,
        issuer_name=issuer,
        public_key=key,
        serial_number=x509.random_serial_number(),
        not_valid_before=now - _CLOCK_TOLERANCE,
        not_valid_after=now + lifetime,
    )


def _signed(
    builder: x509.CertificateBuilder, signer: ec.EllipticCurvePrivateKey, key: ec.EllipticCurvePrivateKey
) -> Issued:
    certificate = builder.sign(signer, hashes.SHA256())
    return Issued(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
