"""The controller's certificate and how it is replaced: the operator's own, or files that others make and renew.

Others are cert-manager, the kubelet that mounts a Secret, or a person.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from jumplab_operator import pki
from jumplab_operator.authority import Authority
from jumplab_operator.controller.keys import server_certificate
from jumplab_operator.controller.server import Certificate
from jumplab_operator.errors import ApiUnreachable, KeysUnusable, OperatorError

LOOK_EVERY = timedelta(seconds=10)
_PUBLIC = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

log = logging.getLogger(__name__)

Sleep = Callable[[timedelta], Awaitable[None]]
Follow = Callable[[Authority], Awaitable[Authority]]


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
    """One that the operator's own authority signs.

    authority: the first one;  names: host names and addresses;  now: the time;  follow: is given the authority that is
    served and published, and answers with the stored one, which may be another by now. Raises OperatorError.
    """

    authority: Authority
    names: Sequence[str]
    now: Callable[[], datetime]
    follow: Follow

    def read(self) -> Served:
        """A new certificate, valid for thirteen months."""
        return self._signed_by(self.authority)

    def _signed_by(self, authority: Authority) -> Served:
        certificate = server_certificate(authority.signer, self.names, self.now())
        return Served(certificate, authority.trusted_pem.decode())

    async def changes(self, served: Served, sleep: Sleep) -> AsyncIterator[Served]:
        """Another certificate a month before the end of each, by the time of day: a clock may be set; and whenever
        another authority signs. Another CA where others are to be trusted. An authority that can't be read is named in
        the log, once."""
        told, authority = "", self.authority
        while True:
            try:
                found, problem = await self.follow(authority), ""
            except ApiUnreachable:  # the log says so elsewhere
                found, problem = authority, ""
            except OperatorError as error:
                found, problem = authority, str(error)
            if problem and problem != told:
                log.warning("the stored CA can't be taken over: %s; the previous one is still in force", problem)
            told = problem
            if found.signer != authority.signer or pki.is_due(served.certificate[1], self.now()):
                served = self._signed_by(found)
            elif found == authority:
                await sleep(LOOK_EVERY)
                continue
            authority = found
            served = replace(served, ca_pem=found.trusted_pem.decode())
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
