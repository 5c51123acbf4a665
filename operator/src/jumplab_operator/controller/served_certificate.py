"""The controller's certificate and how it is replaced: the operator's own, or files that others make and renew.

Others are cert-manager, the kubelet that mounts a Secret, or a person.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from jumplab_operator import pki
from jumplab_operator.controller.keys import server_certificate
from jumplab_operator.controller.server import Certificate
from jumplab_operator.errors import KeysUnusable

LOOK_EVERY = timedelta(seconds=10)
_PUBLIC = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

log = logging.getLogger(__name__)

Sleep = Callable[[timedelta], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Served:
    """A certificate with its key.  ca_pem: what peers trust to accept it; empty: one that every machine trusts."""

    certificate: Certificate
    ca_pem: str


class CertificateSource(Protocol):
    """The certificate that is served, and each later one."""

    def read(self) -> Served:
        """The certificate of now. Raises KeysUnusable."""
        ...

    def changes(self, served: Served, sleep: Sleep) -> AsyncIterator[Served]:
        """Each certificate that takes the place of the one before, `served` at first; without an end."""
        ...


@dataclass(frozen=True, slots=True)
class OwnCertificate:
    """One that the operator's own authority signs.  names: host names and addresses;  now: the time."""

    authority: pki.Issued
    names: Sequence[str]
    now: Callable[[], datetime]

    def read(self) -> Served:
        """A new certificate, valid for thirteen months."""
        certificate = server_certificate(self.authority, self.names, self.now())
        return Served(certificate, self.authority.certificate_pem.decode())

    async def changes(self, served: Served, sleep: Sleep) -> AsyncIterator[Served]:
        """Another certificate a month before the end of each, by the time of day: a clock may be set."""
        while True:
            await sleep(LOOK_EVERY)
            if pki.is_due(served.certificate[1], self.now()):
                served = self.read()
                yield served


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """The paths of the files. ca: the issuer of the certificate; None: one that every machine trusts."""

    certificate: Path
    key: Path
    ca: Path | None = None

    def read(self) -> Served:
        """What the files hold. Raises KeysUnusable."""
        chain, key = _content(self.certificate), _content(self.key)
        try:
            certificate = x509.load_pem_x509_certificate(chain)
        except ValueError as error:
            raise KeysUnusable(f"{self.certificate} is not a certificate in PEM") from error
        try:
            private = serialization.load_pem_private_key(key, password=None)
        except (ValueError, TypeError) as error:
            raise KeysUnusable(f"{self.key} is not a private key in PEM without a password") from error
        if private.public_key().public_bytes(*_PUBLIC) != certificate.public_key().public_bytes(*_PUBLIC):
            raise KeysUnusable(f"{self.key} does not belong to {self.certificate}; install a matching pair")
        return Served((key, chain), self._read_ca())

    async def changes(self, served: Served, sleep: Sleep) -> AsyncIterator[Served]:
        """What the files hold after each change. Files that can't be used are named in the log, once."""
        told = ""
        while True:
            await sleep(LOOK_EVERY)
            try:
                found = await asyncio.to_thread(self.read)
            except KeysUnusable as error:
                if str(error) != told:
                    log.warning("the new certificate can't be used: %s; the previous one is still served", error)
                told = str(error)
                continue
            told = ""
            if found != served:
                served = found
                yield served

    def _read_ca(self) -> str:
        if self.ca is None:
            return ""
        content = _content(self.ca)
        try:
            x509.load_pem_x509_certificates(content)
        except ValueError as error:
            raise KeysUnusable(f"{self.ca} is not a certificate in PEM") from error
        return content.decode()


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise KeysUnusable(f"{file} can't be read: {error.strerror}") from error
