"""The controller's certificate where others make and renew it: a Secret's files, by cert-manager or a person."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from jumplab_operator.controller.server import Certificate
from jumplab_operator.errors import KeysUnusable

_LOOK_EVERY = timedelta(seconds=30)
_PUBLIC = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """The paths of the files. ca: the issuer of the certificate; None: one that every machine trusts."""

    certificate: Path
    key: Path
    ca: Path | None = None

    def read(self) -> tuple[Certificate, str]:
        """The certificate with its key, and the CA as PEM (empty where there is none). Raises UnusableKeys."""
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
        return (key, chain), _content(self.ca).decode() if self.ca else ""

    async def until_renewed(self, served: Certificate, sleep: Callable[[timedelta], Awaitable[None]]) -> None:
        """Returns once the files have another usable certificate than the one that is served."""
        while True:
            await sleep(_LOOK_EVERY)
            try:
                found, _ = await asyncio.to_thread(self.read)
            except KeysUnusable as error:
                log.warning("the new certificate can't be used: %s; the previous one is still served", error)
            else:
                if found != served:
                    return


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise KeysUnusable(f"{file} can't be read: {error.strerror}") from error
