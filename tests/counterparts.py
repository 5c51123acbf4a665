"""The counterparts that tests need on this machine: a test without its counterpart is skipped, or fails in .ci/run.

    @pytest.mark.needs("kubectl")      a test that drives the real one
    need("kube-apiserver")             in a fixture

JUMPLAB_TESTS_REQUIRE_ALL=1 makes a missing counterpart a failure; JUMPLAB_TESTS_EXCUSED="NAME NAME" excepts some.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import NoReturn

import pytest

from jumplab_exporter.drivers.board.qemu import QemuBoard
from jumplab_exporter.drivers.flasher.esptool import ESPTOOL
from jumplab_exporter.drivers.flasher.fastboot import FASTBOOT
from jumplab_exporter.drivers.flasher.flashrom import FLASHROM
from jumplab_exporter.drivers.power.uhubctl import UHUBCTL
from jumplab_exporter.drivers.tools import Tool
from tests.drivers.inetd import TELNETD
from tests.drivers.mosquitto import MOSQUITTO
from tests.drivers.ser2net import SER2NET
from tests.drivers.sshd import SSHD
from tests.kube.servers import ASSETS, NO_ASSETS, PROGRAMS
from tests.strategies import linux
from tools.chaos import clocks
from tools.fuzz import guided


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        need(*marker.args)


def need(name: str) -> None:
    """Skips the test, or fails it where all counterparts are required, unless the counterpart is there."""
    lacking = MISSING[name]()
    if lacking:
        missing(name, lacking)


def missing(name: str, sentence: str) -> NoReturn:
    """Ends a test whose counterpart is missing. sentence: says what is missing and what to install."""
    if required(name, os.environ):
        excuse = f"a run without it has {name} in JUMPLAB_TESTS_EXCUSED"
        pytest.fail(f"{sentence} (JUMPLAB_TESTS_REQUIRE_ALL is set; {excuse})", pytrace=False)
    pytest.skip(sentence)


def required(name: str, environment: Mapping[str, str]) -> bool:
    """Whether a test may not be skipped for want of this counterpart."""
    excused = environment.get("JUMPLAB_TESTS_EXCUSED", "").split()
    return environment.get("JUMPLAB_TESTS_REQUIRE_ALL", "") not in ("", "0") and name not in excused


def _kube_apiserver() -> str:
    if not ASSETS:
        return NO_ASSETS
    absent = [program for program in PROGRAMS if not os.access(os.path.join(ASSETS, program), os.X_OK)]
    return f"KUBEBUILDER_ASSETS is {ASSETS}, and there is no {' and no '.join(absent)} in it" if absent else ""


def _kubectl() -> str:
    found = shutil.which("kubectl")
    return "" if found else "kubectl was not found: install it (Debian's package kubernetes-client)"


def _qemu() -> str:
    try:
        QemuBoard().command()
    except FileNotFoundError as error:
        return f"{error} (Debian's packages qemu-system-arm and u-boot-qemu)"
    return ""


def _gdb() -> str:
    found = shutil.which("gdb-multiarch")
    return "" if found else "gdb-multiarch was not found: install it (Debian's package gdb-multiarch)"


def _faketime() -> str:
    return "" if clocks.library() else clocks.MISSING


def _ser2net() -> str:
    return "" if SER2NET else "ser2net was not found: install it (Debian's package ser2net)"


def _uhubctl() -> str:
    return _lacking(UHUBCTL)


def _flashrom() -> str:
    return _lacking(FLASHROM)


def _esptool() -> str:
    try:
        ESPTOOL.find()
    except FileNotFoundError:
        return "esptool was not found: install it (PyPI's package esptool) and have it on the PATH"
    return ""


def _fastboot() -> str:
    return _lacking(FASTBOOT)


def _mosquitto() -> str:
    return "" if MOSQUITTO else "mosquitto was not found: install it (Debian's packages mosquitto, mosquitto-clients)"


def _lacking(tool: Tool) -> str:
    try:
        tool.find()
    except FileNotFoundError:
        return f"{tool.name} was not found: install it (Debian's package {tool.name})"
    return ""


def pdudaemon_program() -> str:
    """The real daemon; empty where there is none."""
    return shutil.which("pdudaemon") or ""


def _pdudaemon() -> str:
    found = pdudaemon_program()
    # Its package builds others against libsystemd; in an environment of its own it does without that one.
    return "" if found else "pdudaemon was not found: install it (PyPI's package pdudaemon) and have it on the PATH"


def _sshd() -> str:
    return "" if SSHD else "sshd was not found: install it (Debian's package openssh-server)"


def _telnetd() -> str:
    return "" if TELNETD else "telnetd was not found: install it (Debian's package inetutils-telnetd)"


def _busybox() -> str:
    return "" if shutil.which("busybox") else "busybox was not found: install it (Debian's package busybox)"


def _bash() -> str:
    return "" if shutil.which("bash") else "bash was not found: install it (Debian's package bash)"


def _zsh() -> str:
    return "" if shutil.which("zsh") else "zsh was not found: install it (Debian's package zsh)"


def _fish() -> str:
    return "" if shutil.which("fish") else "fish was not found: install it (Debian's package fish)"


def _mount_namespace() -> str:
    command = ["unshare", "--user", "--map-root-user", "--mount", "true"]
    if shutil.which("unshare") and subprocess.run(command, check=False, capture_output=True).returncode == 0:
        return ""
    return "no namespace can be made for a file system: install unshare (Debian's package util-linux), or allow it"


def _qemu_img() -> str:
    absent = [name for name in ("qemu-img", "qemu-nbd", "prlimit") if shutil.which(name) is None]
    return (
        f"{' and '.join(absent)} was not found: install it (Debian's packages qemu-utils, util-linux)" if absent else ""
    )


def _loop() -> str:
    if not os.access("/dev/loop-control", os.R_OK | os.W_OK):
        return "/dev/loop-control can't be opened: loop devices are root's, on a kernel that has them"
    return "" if shutil.which("losetup") else "losetup was not found: install it (Debian's package mount)"


def _atheris() -> str:
    return "" if guided.available() else "there is no atheris here (make fuzz installs it where it can)"


def _unshare() -> str:
    if shutil.which("unshare") is None or shutil.which("openssl") is None:
        return "unshare or openssl was not found: install them (Debian's packages util-linux, openssl)"
    mounted = subprocess.run(
        ["unshare", "--mount", "mount", "--bind", "/", "/etc/ssl/certs"], capture_output=True, check=False
    )
    return "" if mounted.returncode == 0 else "unshare --mount is root's, and needs /etc/ssl/certs: run as root"


def _tap() -> str:
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return "/dev/net/tun can't be opened: tap devices are root's, on a kernel that has them"
    absent = [name for name in ("unshare", "ip") if shutil.which(name) is None]
    return (
        f"{' and '.join(absent)} was not found: install it (Debian's packages util-linux, iproute2)" if absent else ""
    )


def _nfs() -> str:
    if missing := _two_machines():
        return missing
    packages = {"ganesha.nfsd": "nfs-ganesha-vfs", "rpcbind": "rpcbind", "nfs-cat": "libnfs-utils"}
    absent = [name for name in packages if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None]
    if not absent:
        return ""
    needed = ", ".join(packages[name] for name in absent)
    return f"{' and '.join(absent)} was not found: install it (Debian's packages {needed})"


def _curl() -> str:
    return "" if shutil.which("curl") else "curl was not found: install it (Debian's package curl)"


def _two_machines() -> str:
    absent = [name for name in ("unshare", "nsenter", "ip", "curl") if shutil.which(name) is None]
    if absent:
        return f"{' and '.join(absent)} was not found: install it (Debian's packages util-linux, iproute2, curl)"
    made = subprocess.run(["unshare", "--net", "--mount", "true"], capture_output=True, check=False)
    return "" if made.returncode == 0 else "networks of their own for two machines are root's: run as root"


@cache
def _package_index() -> str:
    asked = [sys.executable, "-m", "tools.uv", "pip", "install", "--dry-run", "--no-cache", "--reinstall", "click"]
    done = subprocess.run(asked, capture_output=True, check=False, cwd=Path(__file__).parents[1])
    return "" if done.returncode == 0 else "no package index can be reached: name one as pip's index-url"


def _systemd_analyze() -> str:
    found = shutil.which("systemd-analyze")
    return "" if found else "systemd-analyze was not found: install it (Debian's package systemd)"


MISSING: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "kube-apiserver": _kube_apiserver,
        "kubectl": _kubectl,
        "qemu": _qemu,
        "gdb": _gdb,
        "linux": linux.why_missing,
        "faketime": _faketime,
        "pdudaemon": _pdudaemon,
        "ser2net": _ser2net,
        "sshd": _sshd,
        "uhubctl": _uhubctl,
        "flashrom": _flashrom,
        "esptool": _esptool,
        "fastboot": _fastboot,
        "mosquitto": _mosquitto,
        "telnetd": _telnetd,
        "busybox": _busybox,
        "bash": _bash,
        "zsh": _zsh,
        "fish": _fish,
        "mount-namespace": _mount_namespace,
        "qemu-img": _qemu_img,
        "loop": _loop,
        "tap": _tap,
        "nfs": _nfs,
        "curl": _curl,
        "atheris": _atheris,
        "unshare": _unshare,
        "two-machines": _two_machines,
        "systemd-analyze": _systemd_analyze,
        "package-index": _package_index,
    }
)
"""For each counterpart, the sentence that says what of it is missing; empty where it is there."""
