"""The section `tls` of a configuration file, of clients and exporters alike, in Jumpstarter's format."""

import base64
import binascii
import ssl
from collections.abc import Callable
from functools import lru_cache

from pydantic import BaseModel, ConfigDict, field_validator

from jumplab.transport.endpoint import Tls

_PEM_START = "-----BEGIN "


class TlsSettings(BaseModel):
    """How the controller proves itself.

    ca: its authority's certificates, as `read_certificates` takes them; empty: those that the system trusts.
    insecure: ask for no proof at all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    ca: str = ""
    insecure: bool = False

    @field_validator("ca")
    @classmethod
    def _readable(cls, ca: str) -> str:
        if ca.strip():
            read_certificates(ca)
        return ca

    def trust(self, now: "Callable[[], TlsSettings] | None" = None) -> Tls:
        """The same, for an Endpoint.  now: the settings of now, where their CAs may be replaced."""
        return Tls(self._ca_pem(), self.insecure, (lambda: now()._ca_pem()) if now is not None else None)

    def _ca_pem(self) -> bytes | None:
        return read_certificates(self.ca) if self.ca.strip() else None


@lru_cache(maxsize=16)
def read_certificates(text: str) -> bytes:
    """The PEM text of one or several certificates, from PEM or from the base64 of it. Raises ValueError."""
    pem = text if _PEM_START in text else _decoded(text)
    plain = pem.encode("ascii", "replace").decode()  # comments may be in any language
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=plain)
    except ssl.SSLError as error:
        raise ValueError(
            "holds no PEM certificate that can be read; paste the CA's certificates, from BEGIN to END"
        ) from error
    return plain.strip().encode() + b"\n"


def _decoded(text: str) -> str:
    try:
        decoded = base64.b64decode("".join(text.split()), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        decoded = ""
    if _PEM_START not in decoded:
        raise ValueError("is neither PEM certificates nor the base64 of them; paste the CA's certificates")
    return decoded
