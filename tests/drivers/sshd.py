"""OpenSSH's sshd, with keys of its own and, where a mount namespace can be had, an account with a password."""

import getpass
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.drivers.inetd import Inetd

# Debian puts it where only root looks.
SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")

USER, PASSWORD = "board", "a-secret-word"
_CONFIGURATION = """\
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/user_key.pub
StrictModes no
UsePAM no
PermitRootLogin yes
KbdInteractiveAuthentication no
PidFile none
LogLevel ERROR
Subsystem sftp {sftp}
"""
_WITH_ACCOUNT = """
mount --bind "$1/passwd" /etc/passwd && mount --bind "$1/shadow" /etc/shadow || exit 1
mkdir -p /run/sshd
shift
exec "$@"
"""


@dataclass(frozen=True)
class Sshd:
    """A server that runs.  server: its connections;  folder: has its keys;  user: who can log in by key."""

    server: Inetd
    folder: Path
    user: str

    @property
    def host_key(self) -> str:
        return " ".join((self.folder / "host_key.pub").read_text().split()[:2])

    @property
    def settings(self) -> dict[str, Any]:
        """The configuration of a driver that logs in by key."""
        return {
            "host": "127.0.0.1",
            "port": self.server.port,
            "user": self.user,
            "host_key": self.host_key,
            "private_key": {"from": "file", "path": str(self.folder / "user_key")},
        }


@contextmanager
def sshd_in(folder: Path, *, password: bool = False, sftp: str = "internal-sftp", more: str = "") -> Iterator[Sshd]:
    """Serves at a port of this machine.  password: whether USER can log in with PASSWORD, which root's tests alone can
    have.  sftp: the server of files, "" for none.  more: lines of its configuration."""
    for name in ("host_key", "user_key"):
        make_key(folder / name)
    text = _CONFIGURATION.format(folder=folder, sftp=sftp) + more
    (folder / "sshd_config").write_text(text if sftp else text.replace("Subsystem sftp \n", ""))
    assert SSHD is not None
    command = [SSHD, "-i", "-f", str(folder / "sshd_config")]
    if password:
        _write_account(folder)
        command = ["unshare", "--mount", "sh", "-c", _WITH_ACCOUNT, "sh", str(folder), *command]
    elif os.getuid() == 0:
        os.makedirs("/run/sshd", exist_ok=True)
    with Inetd(command) as server:
        yield Sshd(server, folder, USER if password else getpass.getuser())


def make_key(path: Path, *options: str) -> None:
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path), *options]
    subprocess.run(words, check=True, capture_output=True)


def _write_account(folder: Path) -> None:
    hashed = subprocess.run(["openssl", "passwd", "-6", PASSWORD], check=True, capture_output=True, text=True).stdout
    home = pwd.getpwuid(os.getuid()).pw_dir
    (folder / "passwd").write_text(f"{Path('/etc/passwd').read_text()}{USER}:x:0:0::{home}:/bin/sh\n")
    (folder / "shadow").write_text(f"{Path('/etc/shadow').read_text()}{USER}:{hashed.strip()}:1::::::\n")
