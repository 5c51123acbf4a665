"""The data directory: everything of a one-machine control plane that outlives its process.

DIR/             0700
    jumplab-data marks the folder as a data directory, and lists the files below that can't be made again
    lock         held while an instance runs; its process id
    api.sqlite3  the Kubernetes objects (with SQLite's -wal and -shm beside it)
    ca.crt       the certificate authority; clients trust it
    ca.key       0600
    ca-rotation.pem  0600, while the authority is rotated: the one that follows, and the last step
    admin.token  0600
    accounts.key 0600, signs service accounts' tokens
    signing.key  0600, signs credentials and stream tokens (`jumplab_operator.controller.keys`)
    port         where the API listens, so that kubeconfigs stay valid over restarts
    kubeconfig   0600
    newest-version  of what was committed: a store that ends before it has lost something
    reserve      room for the next start, should the disk be full by then
"""

from __future__ import annotations

import base64
import contextlib
import errno
import fcntl
import logging
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from jumplab.private_files import NotWritten, private_folder, write_private
from jumplab_operator import pki
from jumplab_operator.authority import ROTATION, Authority, Rotation, Step, authority_of
from jumplab_operator.errors import DataDirInUse, DataDirUnusable
from jumplab_operator.standalone.storage import contents
from jumplab_operator.standalone.storage.contents import AUTHORITY_CERTIFICATE, AUTHORITY_KEY, DATABASE

_SHORTEST_TOKEN = 16
_FEWEST_CHARACTERS = 6
"""So many different characters a token has at least; a random one of the shortest has more."""
_RESERVE = "reserve"
_RESERVE_BYTES = (64 * 1024, 256 * 1024)
"""SQLite takes 32 KiB for its shared index, and a little for its log."""
_HIGHEST_PORT = 65535
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH

log = logging.getLogger(__name__)


class DataDir:
    """A data directory, locked while entered.

    Entering makes the directory where needed. It raises DataDirInUse while another process holds it, and
    DataDirUnusable where it can't be made, isn't ours, or was made by a newer version. Files are made on the first
    start and kept; later, one that is missing or damaged raises DataDirUnusable.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock: int | None = None
        self._made: frozenset[str] = frozenset()

    @property
    def database(self) -> Path:
        return self.path / DATABASE

    @property
    def kubeconfig(self) -> Path:
        return self.path / "kubeconfig"

    def __enter__(self) -> Self:
        try:
            _take_folder(self.path)
            self._lock = self._acquire_lock()
        except OSError as error:
            raise _unusable_folder(self.path, error) from error
        try:
            found = contents.contents_of(self.path)  # again: by now no other process changes it
            self._made = found.made
            if not found.is_recorded and found.made:
                self._record()
        except BaseException:
            self.__exit__(None, None, None)
            raise
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

    def write_again(self, file: Path, content: bytes) -> None:
        """As `write`, for a file that can be made again: where there is no room for it, the log says so.

        Nothing is written where the file has this content.
        """
        try:
            if file.is_file() and file.read_bytes() == content:
                return
            write_private(file, content)
        except OSError as error:
            if not _is_full(error):
                raise DataDirUnusable(f"{error}; the data directory needs its owner's permissions") from error
            log.warning("%s; free some space on its disk, and start again", error)

    @contextlib.contextmanager
    def reserve_released(self) -> Iterator[None]:
        """Opening the store needs a little room, also on a full disk: within, the reserve's room is free."""
        with contextlib.suppress(OSError):
            (self.path / _RESERVE).unlink()
        try:
            yield
        finally:
            self.keep_reserve()

    def keep_reserve(self) -> None:
        """Set room aside for the next start, as far as there is any."""
        with contextlib.suppress(OSError), open(self.path / _RESERVE, "ab", opener=_private) as file:
            for size in _RESERVE_BYTES:
                os.posix_fallocate(file.fileno(), 0, size)

    def is_new(self, name: str) -> bool:
        """Whether an irreplaceable file has yet to be made. Raises DataDirUnusable where it was made, and is gone."""
        if name not in self._made:
            return True
        if not (self.path / name).exists():
            raise DataDirUnusable(
                f"{self.path / name} is missing; restore it from a backup, or use another --data-dir for a new lab"
            )
        return False

    def note_made(self, *names: str) -> None:
        """From now on, these files have to be there."""
        if not self._made.issuperset(names):
            self._made |= set(names)
            self._record()

    def read(self, file: Path) -> bytes:
        """A file of this directory. Raises DataDirUnusable."""
        try:
            return file.read_bytes()
        except OSError as error:
            reason = error.strerror or error
            raise DataDirUnusable(f"{file} can't be read: {reason}; restore it from a backup") from error

    def stored(self, name: str, make: Callable[[], bytes]) -> bytes:
        """The content of an irreplaceable file, made on the first start. Raises DataDirUnusable."""
        file = self.path / name
        if self.is_new(name) and not file.exists():
            self.write(file, make())
        self.note_made(name)
        return self.read(file)

    def authority(self, now: datetime) -> Authority:
        """The certificate authority of this directory, made on the first start; raises DataDirUnusable where it can't
        sign."""
        certificate, key = self.path / AUTHORITY_CERTIFICATE, self.path / AUTHORITY_KEY
        is_new = self.is_new(AUTHORITY_CERTIFICATE) & self.is_new(AUTHORITY_KEY)
        if is_new and not (certificate.exists() and key.exists()):  # one is there after a first start that was killed
            made = pki.make_authority(now)
            self.write(key, made.key_pem)
            self.write(certificate, made.certificate_pem)
        self.is_new(ROTATION)
        found = self.stored_authority()
        self.note_made(AUTHORITY_CERTIFICATE, AUTHORITY_KEY, *([ROTATION] if self.rotation() is not None else []))
        return found

    def stored_authority(self) -> Authority:
        """The authority as it is stored, also while another process replaces it. Raises DataDirUnusable."""
        certificate, key = self.path / AUTHORITY_CERTIFICATE, self.path / AUTHORITY_KEY
        rotation = self.rotation()  # first: after its last step it overrules the other two until both are replaced
        try:
            return authority_of(pki.Issued(self.read(certificate), self.read(key)), rotation)
        except ValueError as error:
            raise DataDirUnusable(
                f"{certificate} and {key} are no certificate with its key; restore both from a backup, or use another "
                "--data-dir for a new lab"
            ) from error

    def rotation(self) -> Rotation | None:
        """The rotation of the authority that is under way, if one is. Raises DataDirUnusable."""
        file = self.path / ROTATION
        if not file.exists():
            return None
        try:
            return Rotation.from_pem(self.read(file))
        except ValueError as error:
            raise DataDirUnusable(f"{file} is damaged; restore it from a backup") from error

    def end_rotation(self) -> None:
        """After its last step: the authority that follows becomes the stored one. Raises DataDirUnusable.

        Can be repeated after a loss of power at any point.
        """
        rotation = self.rotation()
        if rotation is None or rotation.step is not Step.FINISH:
            return
        self.write(self.path / AUTHORITY_KEY, rotation.following.key_pem)
        self.write(self.path / AUTHORITY_CERTIFICATE, rotation.following.certificate_pem)
        made = self._made - {ROTATION}
        try:
            contents.record(self.path, made)
        except NotWritten as error:
            raise DataDirUnusable(f"{error}; the data directory needs room and its owner's permissions") from error
        self._made = made
        (self.path / ROTATION).unlink()

    def admin_token(self) -> str:
        """The token that may do everything; raises DataDirUnusable where the file holds none, or one easy to guess."""
        file = self.path / "admin.token"
        if not file.exists():
            self._tell_replaced(file, "a new token is made, and the old one is dead")
            self.write(file, secrets.token_urlsafe(32).encode())
        try:
            token = file.read_text(encoding="latin-1").strip()
        except OSError as error:
            raise DataDirUnusable(_unusable_token(file, f"can't be read ({error.strerror or error})")) from error
        if weakness := _weakness(token):
            raise DataDirUnusable(_unusable_token(file, weakness))
        return token

    def replace_admin_token(self) -> None:
        """Writes a new token, also while a control plane runs: it takes it over by itself. Raises DataDirUnusable."""
        self.write(self.path / "admin.token", secrets.token_urlsafe(32).encode())

    def has_admin_token_in_kubeconfig(self) -> bool:
        """Whether a control plane has taken the administrator's token over, and has written it for kubectl."""
        return self.admin_token().encode() in self.read(self.kubeconfig)

    def has_authority_in_kubeconfig(self) -> bool:
        """Whether a control plane has taken the stored authority over, and has written it for kubectl."""
        trusted = base64.b64encode(self.stored_authority().trusted_pem)
        return self.kubeconfig.is_file() and trusted in self.read(self.kubeconfig)

    @contextlib.contextmanager
    def rotating(self) -> Iterator[None]:
        """One process at a time makes a step of a rotation; others wait."""
        folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def is_in_use(self) -> bool:
        """Whether a control plane runs with this directory."""
        with contextlib.suppress(FileNotFoundError), open(self.path / "lock", "rb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def accounts_key(self) -> EllipticCurvePrivateKey:
        """The key that signs service accounts' tokens; raises DataDirUnusable where it can't be read."""
        file = self.path / "accounts.key"
        if not file.exists():
            self._tell_replaced(file, "a new key is made, and the tokens of all service accounts are dead")
            made = ec.generate_private_key(ec.SECP256R1())
            pem = made.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            self.write(file, pem)
        try:
            return pki.read_key(self.read(file))
        except ValueError as error:
            raise DataDirUnusable(_unusable_key(file)) from error

    def remembered_port(self, name: str = "port") -> int | None:
        """A port of the last start, if there was one. name: the file that has it."""
        file = self.path / name
        try:
            port = int(file.read_text())
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            port = 0
        if not 0 < port <= _HIGHEST_PORT:
            log.warning("%s holds no port number; a port is chosen as on the first start", file)
            return None
        return port

    def remember_port(self, port: int, name: str = "port") -> None:
        if self.remembered_port(name) != port:
            self.write_again(self.path / name, f"{port}\n".encode())

    def _tell_replaced(self, file: Path, what: str) -> None:
        if self.kubeconfig.exists():  # else this is the first start
            log.warning("%s is missing; %s", file, what)

    def _record(self) -> None:
        try:
            contents.record(self.path, self._made)
        except NotWritten as error:  # a full disk: what is there is served, and the next start records it
            log.warning("%s; the next start tries again", error)

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
        with contextlib.suppress(OSError):  # on a full disk the lock holds all the same
            os.ftruncate(lock, os.pwrite(lock, f"{os.getpid()}\n".encode(), 0))
        return lock


def opened(path: Path) -> DataDir:
    """A data directory that was made before, not locked. Raises DataDirUnusable for anything else."""
    if not (path / DATABASE).is_file() or not contents.contents_of(path).made:
        raise DataDirUnusable(f"{path} is no data directory of jumplab-operator; name one with --data-dir")
    return DataDir(path)


def _take_folder(path: Path) -> None:
    """Makes the folder, or sees that it is ours. The mode of another user's folder stays as it is."""
    if not path.exists():
        private_folder(path)
        return
    contents.contents_of(path)
    found = path.stat()
    if found.st_uid == os.geteuid():
        private_folder(path)
    elif found.st_mode & _OTHERS_MAY_WRITE:
        raise DataDirUnusable(
            f"the data directory {path} belongs to another user (uid {found.st_uid}), and others may write in it; "
            f"run `chmod go-w {path}` as that user, or choose another folder with --data-dir"
        )


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)


def _is_full(error: OSError) -> bool:
    cause = error.__cause__ if isinstance(error, NotWritten) else error
    return isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT)


def _unusable_folder(path: Path, error: OSError) -> DataDirUnusable:
    reason = error.strerror or str(error)
    return DataDirUnusable(f"the data directory {path} can't be used: {reason}; choose another with --data-dir")


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
