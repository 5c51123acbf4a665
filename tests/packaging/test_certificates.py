"""What set-up asks a package index for: at pip's address, trusting what the system trusts."""

from __future__ import annotations

import http.server
import os
import ssl
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from jumplab_operator.pki import issue_server_certificate, make_authority
from tests.kube.kubectl import Said
from tools.uv import settings_for_pip, settings_for_uv

ROOT = Path(__file__).parents[2]
OLD_PIP = """import os, subprocess, sys
from pathlib import Path
import pip
from tools.uv import pip_settings, settings_for_pip
told = pip_settings(Path(sys.executable))
settings = settings_for_pip("23.2", told, os.environ) if sys.argv[1] == "set-up" else {}
own = ["--use-deprecated=legacy-certs"] if tuple(map(int, pip.__version__.split(".")[:2])) >= (24, 2) else []
command = [sys.executable, "-m", "pip", "install", "--quiet", *own, *sys.argv[2:]]
sys.exit(subprocess.call(command, env={**os.environ, **settings}))
"""
"""pip as it was before it trusted the system's certificates by itself, and what set-up gives to it."""


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """What is to be /etc/ssl/certs, with one authority, as a company has it; and `server.pem` beside it."""
    authority = make_authority(datetime.now(UTC))
    folder = tmp_path / "certs"
    folder.mkdir()
    certificates = folder / "ca-certificates.crt"
    certificates.write_bytes(authority.certificate_pem)
    shown = ["openssl", "x509", "-noout", "-hash", "-in", certificates]
    (folder / f"{subprocess.check_output(shown, text=True).strip()}.0").symlink_to(certificates.name)
    server = issue_server_certificate(authority, ["127.0.0.1"], datetime.now(UTC))
    (tmp_path / "server.pem").write_bytes(server.key_pem + server.certificate_pem)
    return folder


@pytest.fixture
def index(system: Path) -> Iterator[str]:
    """A package index behind that authority's certificate, with one package: its address."""
    served = system.parent / "served"
    package = served / "simple" / "tiny"
    package.mkdir(parents=True)
    with zipfile.ZipFile(package / "tiny-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny.py", "")
        wheel.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        wheel.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        names = ("tiny.py", "tiny-1.0.dist-info/METADATA", "tiny-1.0.dist-info/WHEEL", "tiny-1.0.dist-info/RECORD")
        wheel.writestr("tiny-1.0.dist-info/RECORD", "".join(f"{name},,\n" for name in names))
    (package / "index.html").write_text('<a href="tiny-1.0-py3-none-any.whl">tiny-1.0-py3-none-any.whl</a>')
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(served)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(system.parent / "server.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}/simple"
    server.shutdown()
    thread.join()
    server.server_close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that is overridden
        pass


def trusting(system: Path, command: list[str], **environment: str) -> Said:
    """A command on a machine whose certificates are these, its variables cleared but for those named."""
    shown = 'mount --bind "$0" /etc/ssl/certs && exec "$@"'
    home = system.parent / "home"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", shown, system, *command],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "PIP_CONFIG_FILE": os.devnull} | environment,
    )  # fmt: skip
    return Said(done.returncode, done.stdout, done.stderr)


def trusts_the_system_by_itself(system: Path) -> bool:
    """Whether this pip has no certificates of its own: Debian's reads the system's."""
    where = "from pip._vendor import certifi; print(certifi.where())"
    said = trusting(system, [sys.executable, "-c", where])
    assert said.status == 0, said.err
    return said.out.startswith("/etc/ssl/certs/")


@pytest.mark.needs("unshare")
def test_uv_gets_pips_index_and_the_systems_certificates(system: Path, index: str, tmp_path: Path) -> None:
    into = tmp_path / "into"
    command = [sys.executable, "-m", "tools.uv", "pip", "install", "--target", str(into), "tiny"]
    said = trusting(system, command, PIP_INDEX_URL=index)
    assert said.status == 0, said.err
    assert (into / "tiny.py").exists()


@pytest.mark.needs("unshare")
def test_pips_own_file_names_the_index(system: Path, index: str, tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text(f"[global]\nextra-index-url =\n    {index}\nindex-url = {index}/nowhere\n")
    into = tmp_path / "into"
    command = [sys.executable, "-m", "tools.uv", "pip", "install", "--target", str(into), "tiny"]
    said = trusting(system, command, PIP_CONFIG_FILE=str(tmp_path / "pip.conf"))
    assert said.status == 0, said.err
    assert (into / "tiny.py").exists()


@pytest.mark.needs("unshare")
def test_a_pip_that_trusts_certificates_of_its_own_is_given_the_systems(
    system: Path, index: str, tmp_path: Path
) -> None:
    into = tmp_path / "into"
    install = ["--target", str(into), "--retries", "0", "tiny"]
    if not trusts_the_system_by_itself(system):
        alone = trusting(system, [sys.executable, "-c", OLD_PIP, "alone", *install], PIP_INDEX_URL=index)
        assert alone.status != 0
        assert not into.exists()
    said = trusting(system, [sys.executable, "-c", OLD_PIP, "set-up", *install], PIP_INDEX_URL=index)
    assert said.status == 0, said.err
    assert (into / "tiny.py").exists()


def test_a_folder_of_wheels_takes_the_place_of_an_index(tmp_path: Path, index: str, system: Path) -> None:
    """As pip has it: no index, and a folder to find links in."""
    into, wheels = tmp_path / "into", system.parent / "served" / "simple" / "tiny"
    command = [sys.executable, "-m", "tools.uv", "pip", "install", "--no-cache", "--target", str(into), "tiny"]
    told = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PIP_INDEX_URL": index, "PIP_CONFIG_FILE": os.devnull}
    said = subprocess.run(command, cwd=ROOT, env=os.environ | told, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    assert (into / "tiny.py").exists()


def test_what_uv_was_told_stays() -> None:
    pip = {"index-url": "https://pip.example/simple", "find-links": "/a /b", "cert": "/pip.pem", "timeout": "60"}
    told = {"UV_INDEX_URL": "https://uv.example/simple", "SSL_CERT_FILE": "/uv.pem", "UV_SYSTEM_CERTS": "0"}
    assert settings_for_uv(pip, told) == {"UV_FIND_LINKS": "/a,/b"}
    assert settings_for_uv(pip, {"UV_SYSTEM_CERTS": "0"}) == {
        "UV_DEFAULT_INDEX": "https://pip.example/simple", "UV_FIND_LINKS": "/a,/b", "SSL_CERT_FILE": "/pip.pem",
    }  # fmt: skip


def test_a_pip_that_trusts_the_system_or_was_told_others_is_left_alone() -> None:
    assert settings_for_pip("24.2", {}, {}) == {}
    assert settings_for_pip("26.3.1", {}, {}) == {}
    assert settings_for_pip("23.2.1", {"cert": "/pip.pem"}, {}) == {}
    assert settings_for_pip("23.2.1", {}, {"REQUESTS_CA_BUNDLE": "/requests.pem"}) == {}


@pytest.mark.nightly
@pytest.mark.needs("package-index")
def test_setup_works_where_no_variable_helps(tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    done = subprocess.run(
        ["make", "setup", f"VENV={venv}"],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(f"setting up {venv} (once)\n")
    assert (venv / "bin" / "jumplab-operator").exists()
