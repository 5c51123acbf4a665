"""A small Linux for `board/qemu`: Debian's kernel for the cloud, and its busybox with a login.

It is made of two packages for arm64 at the first use, as apt gives them, in a folder of the user's cache. Nothing is
installed, and apt's own state stays as it is.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.strategies.initramfs import initramfs

KERNEL_PACKAGE, BUSYBOX_PACKAGE = "linux-image-cloud-arm64", "busybox-static"
USER, PASSWORD = "root", "lab"
BOOT_WITHOUT_ROOT_COMMAND = "qfw load $kernel_addr_r $ramdisk_addr_r; booti $kernel_addr_r - $fdtcontroladdr"
_PROGRAMS = ("apt-get", "apt-cache", "dpkg-deb", "qemu-system-aarch64")


@dataclass(frozen=True)
class Linux:
    """Where it is."""

    folder: Path

    @property
    def arguments(self) -> list[str]:
        """For QEMU: U-Boot's command `boot` finds them, by `qfw`."""
        return [
            *("-kernel", str(self.folder / "kernel")),
            *("-initrd", str(self.folder / "initrd")),
            *("-append", "console=ttyAMA0 quiet"),
        ]


@cache
def linux() -> Linux:
    """Makes it, where nobody has. Raises OSError, subprocess.CalledProcessError."""
    cache_home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache_home / "jumplab-tests" / "linux-arm64"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "linux-arm64.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
                made = Path(scratch, "made")
                _make(Path(scratch), made)
                made.rename(folder)
    return Linux(folder)


@cache
def why_missing() -> str:
    """What keeps it from being made; empty where it is there."""
    if absent := [name for name in _PROGRAMS if shutil.which(name) is None]:
        return f"{' and '.join(absent)} was not found: this Linux is made of Debian's packages"
    try:
        linux()
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", "") or str(error)
        return f"no Linux for QEMU can be made of Debian's packages: {said.strip().splitlines()[-1]}"
    return ""


def _make(scratch: Path, made: Path) -> None:
    made.mkdir()
    _apt(scratch, "apt-get", "update")
    depends = _apt(scratch, "apt-cache", "depends", "--important", KERNEL_PACKAGE)
    kernel_package = next(line.split()[-1] for line in depends.splitlines() if line.strip().startswith("Depends:"))
    _apt(scratch, "apt-get", "download", kernel_package, BUSYBOX_PACKAGE)
    root = scratch / "root"
    for package in scratch.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", package, root], check=True, capture_output=True, text=True)
    shutil.copy(next(root.glob("boot/vmlinuz-*")), made / "kernel")
    busybox = next(path for path in (root / "bin/busybox", root / "usr/bin/busybox") if path.exists())
    (made / "initrd").write_bytes(initramfs(busybox.read_bytes()))


def _apt(scratch: Path, program: str, *arguments: str) -> str:
    """apt for another architecture, with a state of its own."""
    state = scratch / "apt"
    for name in ("lists/partial", "cache/archives/partial"):
        (state / name).mkdir(parents=True, exist_ok=True)
    (state / "status").touch()
    options = {
        "APT::Architecture": "arm64",
        "APT::Architectures": "arm64",
        "APT::Sandbox::User": "",
        "APT::Update::Error-Mode": "any",
        "Acquire::http::Timeout": 30,
        "Acquire::https::Timeout": 30,
        "Acquire::Retries": 0,
        "Acquire::Languages": "none",
        "Dir::Cache": state / "cache",
        "Dir::State::Lists": state / "lists",
        "Dir::State::status": state / "status",
    }
    given = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    done = subprocess.run([program, *given, *arguments], cwd=scratch, check=True, capture_output=True, text=True)
    return done.stdout
