"""Serving certificates are replaced while the programs run: standalone's own, and files that others rewrite."""

from __future__ import annotations

import ssl
from base64 import b64decode
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

import jumplab
from jumplab_operator.pki import Issued, issue_server_certificate, make_authority
from tests.kube.processes import Process
from tests.kube.servers import RealKubeApi
from tests.lab.homes import OnCluster, OneMachine
from tests.lab.lab import Lab
from tools.chaos import clocks

pytestmark = pytest.mark.nightly  # a certificate is looked at every ten seconds
_YEAR_SECONDS = 370 * 24 * 3600


def served(address: str) -> x509.Certificate:
    """What a new connection is shown."""
    host, _, port = address.rpartition(":")
    return x509.load_pem_x509_certificate(ssl.get_server_certificate((host, int(port))).encode())


def until_replaced(process: Process, address: str, before: x509.Certificate) -> x509.Certificate:
    process.wait_until(lambda: served(address) != before, "the renewal of the certificate")
    return served(address)


@pytest.mark.needs("faketime")
def test_one_machines_certificates_are_replaced_before_they_end(tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    home = OneMachine(tmp_path)
    home.process = type(home.process)(home.process.command, home.process.log, clocks.environment(clock))
    clocks.shift(clock, -_YEAR_SECONDS)
    kube = home.connect()
    try:
        ports = [option.partition("=")[2] for option in home.process.command if "port=" in option]
        addresses = [f"127.0.0.1:{port}" for port in ports]
        before = [served(address) for address in addresses]
        clocks.shift(clock, 0)
        # It starts again with the new time. Its ports are closed meanwhile, and may show either certificate before.
        home.process.wait_until(lambda: "running again" in home.process.output(), "that it goes by the new time")
        for address, old in zip(addresses, before, strict=True):
            new = served(address)
            assert new.not_valid_before_utc < datetime.now(UTC) < new.not_valid_after_utc
            assert new.not_valid_after_utc > old.not_valid_after_utc
        assert kube.get("/api/v1/namespaces/lab").code == 200  # of a client that has trusted it all the time
        again = home.client()
        assert again.get("/api/v1/namespaces/lab").code == 200
        again.close()
    finally:
        kube.close()
        home.close()


AUTHORITY = make_authority(datetime.now(UTC))


class _WithFiles(OnCluster):
    """An operator that serves a certificate from files."""

    def __init__(self, folder: Path, api: RealKubeApi) -> None:
        super().__init__(folder, api)
        self.tls = folder / "tls"
        self.tls.mkdir()
        self.put(issued())
        (self.tls / "ca.crt").write_bytes(AUTHORITY.certificate_pem)
        options = {"certificate": "tls.crt", "key": "tls.key", "ca": "ca.crt"}
        self.process.command += [f"--tls-{name}={self.tls / file}" for name, file in options.items()]
        self.address = self.process.command[self.process.command.index("--listen") + 1]

    def put(self, made: Issued) -> None:
        (self.tls / "tls.key").write_bytes(made.key_pem)
        (self.tls / "tls.crt").write_bytes(made.certificate_pem)


def issued() -> Issued:
    return issue_server_certificate(AUTHORITY, ["127.0.0.1"], datetime.now(UTC))


@pytest.mark.needs("kube-apiserver")
def test_an_operator_takes_rewritten_files_while_a_session_is_open(tmp_path: Path) -> None:
    with RealKubeApi(tmp_path / "real") as api:
        home = _WithFiles(tmp_path, api)
        with Lab(home, tmp_path) as lab:
            lab.exporter("bench-dated")
            lab.lease("files", board="bench-dated")
            lab.until_ready("files")
            with jumplab.attach("files", client=lab.config, reconnect_within="1ms") as root:
                root.board.power.on()
                before = served(home.address)
                (home.tls / "tls.crt").write_bytes(b"half a certifi")
                home.process.wait_until(lambda: "is not a certificate" in home.process.output(), "a warning")
                assert served(home.address) == before
                home.put(issued())
                until_replaced(home.process, home.address, before)
                assert root.board.power.is_on()
                root.board.console.expect("autoboot")  # a further stream of the session, by a new connection
            assert home.process.output().count("can't be used") == 1
            bundle = AUTHORITY.certificate_pem + make_authority(datetime.now(UTC)).certificate_pem
            (home.tls / "ca.crt").write_bytes(bundle)
            lab.until("secrets", "ci-client", lambda it: b64decode(it["data"]["ca.crt"]) == bundle)
            lab.release("files")
            lab.until_available("bench-dated")
