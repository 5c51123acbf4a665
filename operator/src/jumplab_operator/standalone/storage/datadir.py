"""The data directory: everything of a one-machine control plane that outlives its process.

DIR/             0700
    lock         held while an instance runs; its process id
    api.sqlite3  the Kubernetes objects (with SQLite's -wal and -shm beside it)
    ca.crt       the certificate authority; clients trust it
    ca.key       0600
    admin.token  0600
    accounts.key 0600, signs service accounts' tokens
    port         where the API listens, so that kubeconfigs stay valid over restarts
    kubeconfig   0600
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from jumplab.private_files import NotWritten, private_folder, write_private
from jumplab_operator import pki
from jumplab_operator.errors import DataDirInUse, DataDirUnusable

_SHORTEST_TOKEN = 16
_FEWEST_CHARACTERS = 6
"""So many different characters a token has at least; a random one of the shortest has more."""


class DataDir:
    """A data directory, locked while entered.

    Entering makes the directory where needed; it raises DataDirInUse while another process holds it, and
    DataDirUnusable where it can't be made or isn't ours. What the properties read is made on first use and kept.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock: int | None = None

    @property
    def database(self) -> Path:
        return self.path / "api.sqlite3"

    @property
    def kubeconfig(self) -> Path:
        return self.path / "kubeconfig"

    def __enter__(self) -> Self:
        try:
            private_folder(self.path)
            self._lock = self._acquire_lock()
        except OSError as error:
            reason = error.strerror or str(error)
            raise DataDirUnusable(
                f"the data directory {self.path} can't be used: {reason}; choose another with --data-dir"
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def write(self, file: Path, content: bytes) -> None:
        """Writes a file of this directory, for its owner alone. Raises DataDirUnusable."""
        try:
            write_private(file, content)
        except NotWritten as error:
            raise DataDirUnusable(f"{error}; the data directory needs room and its owner's permissions") from error

    def authority(self, now: datetime) -> pki.Issued:
        """The certificate authority of this directory; raises DataDirUnusable where it can't sign."""
        certificate, key = self.path / "ca.crt", self.path / "ca.key"
        if not certificate.exists() or not key.exists():
            made = pki.make_authority(now)
            write_private(key, made.key_pem)
            write_private(certificate, made.certificate_pem)
        stored = pki.Issued(certificate.read_bytes(), key.read_bytes())
        if not pki.can_sign(stored):
            raise DataDirUnusable(
                f"{certificate} and {key} are no certificate with its key; restore them from a backup, or remove both "
                "for a new authority, whose certificate all clients then need"
            )
        return stored

    def admin_token(self) -> str:
        """The token that may do everything; raises DataDirUnusable where the file holds none, or one easy to guess."""
        file = self.path / "admin.token"
        if not file.exists():
            write_private(file, secrets.token_urlsafe(32).encode())
        try:
            token = file.read_text(encoding="latin-1").strip()
        except OSError as error:
            raise DataDirUnusable(_unusable_token(file, f"can't be read ({error.strerror or error})")) from error
        if weakness := _weakness(token):
            raise DataDirUnusable(_unusable_token(file, weakness))
        return token

    def accounts_key(self) -> EllipticCurvePrivateKey:
        """The key that signs service accounts' tokens; raises DataDirUnusable where it can't be read."""
        file = self.path / "accounts.key"
        if not file.exists():
            made = ec.generate_private_key(ec.SECP256R1())
            pem = made.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            write_private(file, pem)
        try:
            key = serialization.load_pem_private_key(file.read_bytes(), password=None)
        except ValueError as error:
            raise DataDirUnusable(_unusable_key(file)) from error
        if not isinstance(key, EllipticCurvePrivateKey):
            raise DataDirUnusable(_unusable_key(file))
        return key

    def remembered_port(self, name: str = "port") -> int | None:
        """A port of the last start, if there was one. name: the file that has it."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            return int((self.path / name).read_text())
        return None

    def remember_port(self, port: int, name: str = "port") -> None:
        if self.remembered_port(name) != port:
            self.write(self.path / name, f"{port}\n".encode())

    def _acquire_lock(self) -> int:
        lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(lock, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(lock)
            raise DataDirInUse(
                f"the data directory {self.path} is in use by process {holder}; "
                "stop that process or choose another directory with --data-dir"
            ) from error
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        return lock


def _weakness(token: str) -> str:
    """What keeps a token from being used; empty where nothing does."""
    if not token:
        return "is empty"
    if not (token.isascii() and token.isprintable()) or " " in token:
        return "holds white space or other characters that a token can't have"
    if len(token) < _SHORTEST_TOKEN:
        return f"holds a token of {len(token)} characters, which is too short"
    if len(set(token)) < _FEWEST_CHARACTERS:
        return "holds a token that repeats the same few characters"
    return ""


def _unusable_token(file: Path, what: str) -> str:
    return f"{file} {what}; remove it for a new token, or write one of {_SHORTEST_TOKEN} or more random characters"


def _unusable_key(file: Path) -> str:
    return f"{file} is no private key; remove it for a new one, which ends the tokens of all service accounts"
