"""What running in a cluster asks of the operator: probes, mounted certificates, tokens that change, a quick stop."""

from __future__ import annotations

import socket
import ssl
import subprocess
import urllib.error
import urllib.request
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
import yaml
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from jumplab_operator.authority import Authority, authority_of
from jumplab_operator.controller.served_certificate import CertificateFiles, OwnCertificate, Served
from jumplab_operator.errors import KeysUnusable, PortUnavailable
from jumplab_operator.health import answering
from jumplab_operator.kube import access
from jumplab_operator.kube.client import connected
from jumplab_operator.pki import Issued, issue_server_certificate, make_authority
from tests.kube.client import KubeClient
from tests.kube.processes import Process, free_ports
from tests.kube.servers import StandaloneApi
from tests.lab.homes import NAMESPACE, PROGRAMS, apply_crds, create_namespace

NOW = datetime.now(UTC)
AUTHORITY = make_authority(NOW)


async def test_the_probes_tell_alive_from_ready() -> None:
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    async with answering(f"127.0.0.1:{port}") as health, aiohttp.ClientSession() as session:
        assert (await session.get(f"{url}/livez")).status == 200
        assert (await session.get(f"{url}/readyz")).status == 503
        health.ready = True
        assert (await session.get(f"{url}/readyz")).status == 200
        assert "process_cpu_seconds_total" in await (await session.get(f"{url}/metrics")).text()


async def test_a_taken_port_for_the_probes_is_told() -> None:
    (port,) = free_ports(1)
    async with answering(f"127.0.0.1:{port}"):
        with pytest.raises(PortUnavailable, match=f"127.0.0.1:{port} can't be listened on"):
            async with answering(f"127.0.0.1:{port}"):
                pass


def issued() -> Issued:
    return issue_server_certificate(AUTHORITY, ["localhost"], NOW)


def put(folder: Path, certificate: bytes, key: bytes) -> CertificateFiles:
    (folder / "tls.crt").write_bytes(certificate)
    (folder / "tls.key").write_bytes(key)
    (folder / "ca.crt").write_bytes(AUTHORITY.certificate_pem)
    return CertificateFiles(folder / "tls.crt", folder / "tls.key", folder / "ca.crt")


def test_a_mounted_certificate_is_served_with_the_ca_that_signed_it(tmp_path: Path) -> None:
    made = issued()
    files = put(tmp_path, made.certificate_pem, made.key_pem)
    assert files.read() == Served((made.key_pem, made.certificate_pem), AUTHORITY.certificate_pem.decode())
    assert CertificateFiles(files.certificate, files.key).read().ca_pem == ""


@pytest.mark.parametrize(
    ("certificate", "key", "sentence"),
    [
        (b"nonsense", issued().key_pem, "tls.crt is not a certificate in PEM"),
        (issued().certificate_pem, b"nonsense", "tls.key is not a private key in PEM"),
        (issued().certificate_pem, issued().key_pem, "tls.key does not belong to .*tls.crt"),
    ],
)
def test_files_that_do_not_fit_are_refused(tmp_path: Path, certificate: bytes, key: bytes, sentence: str) -> None:
    with pytest.raises(KeysUnusable, match=sentence):
        put(tmp_path, certificate, key).read()


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeysUnusable, match="tls.crt can't be read: No such file"):
        CertificateFiles(tmp_path / "tls.crt", tmp_path / "tls.key").read()


async def test_a_renewed_certificate_is_noticed_and_a_spoilt_one_is_named_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, second, looks = issued(), issued(), 0
    files = put(tmp_path, first.certificate_pem, first.key_pem)

    async def look(_: timedelta) -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            put(tmp_path, second.certificate_pem, first.key_pem)
        if looks == 5:
            put(tmp_path, second.certificate_pem, second.key_pem)

    renewed = await anext(files.changes(files.read(), look))
    assert looks == 5
    assert renewed.certificate == (second.key_pem, second.certificate_pem)
    (warning,) = caplog.messages
    assert warning == (
        f"the new certificate can't be used: {files.key} does not belong to {files.certificate}; install a matching "
        "pair; the previous one is still served"
    )


async def test_the_operators_own_certificate_is_replaced_before_its_end_and_after_a_clock_was_wrong() -> None:
    now = NOW
    days = iter([0, 360, 360, 8, -800])

    async def wait(_: timedelta) -> None:
        nonlocal now
        now += timedelta(days=next(days))

    async def follow(authority: Authority) -> Authority:
        return authority

    source = OwnCertificate(authority_of(AUTHORITY, None), ["localhost"], lambda: now, follow)
    changes = source.changes(source.read(), wait)
    for expected in (NOW + timedelta(days=720), NOW - timedelta(days=72)):
        served = await anext(changes)
        certificate = x509.load_pem_x509_certificate(served.certificate[1])
        assert certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc
        assert now == expected


async def test_a_token_that_the_kubelet_replaces_is_used_from_then_on(tmp_path: Path) -> None:
    seen: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers["Authorization"])
        return web.json_response({})

    application = web.Application()
    application.router.add_get("/{tail:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    (port,) = free_ports(1)
    await web.TCPSite(runner, "127.0.0.1", port).start()
    (tmp_path / "token").write_text("one\n")
    config = {
        "current-context": "pod",
        "contexts": [{"name": "pod", "context": {"cluster": "pod", "user": "pod"}}],
        "clusters": [{"name": "pod", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "pod", "user": {"tokenFile": "token"}}],
    }
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    async with connected(access.find(tmp_path / "kubeconfig", {})) as kube:
        await kube.get("/first")
        (tmp_path / "token").write_text("two\n")
        await kube.get("/second")
        (tmp_path / "token").unlink()
        await kube.get("/while it is replaced")
    await runner.cleanup()
    assert seen == ["Bearer one", "Bearer two", "Bearer one"]


def test_an_operator_whose_api_is_away_is_alive_not_ready_and_stops_when_told(tmp_path: Path) -> None:
    api, health = free_ports(2)
    config = {
        "current-context": "pod",
        "contexts": [{"name": "pod", "context": {"cluster": "pod", "user": "pod"}}],
        "clusters": [{"name": "pod", "cluster": {"server": f"https://127.0.0.1:{api}"}}],
        "users": [{"name": "pod", "user": {"token": "any"}}],
    }
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    where = ["--endpoint", "lab.example:7444", "--listen", "127.0.0.1:0", "--health", f"127.0.0.1:{health}"]
    command = [PROGRAMS / "jumplab-operator", "run", "--kubeconfig", tmp_path / "kubeconfig", *where]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as operator:
        try:
            assert operator.stderr is not None
            assert "can't be reached" in operator.stderr.readline()
            assert status(f"http://127.0.0.1:{health}/livez") == 200
            assert status(f"http://127.0.0.1:{health}/readyz") == 503
            operator.terminate()
            assert operator.wait(20) == 0
        finally:
            operator.kill()


def test_the_mounted_certificate_is_served_and_its_ca_told(standalone_api: StandaloneApi, tmp_path: Path) -> None:
    made = issued()
    put(tmp_path, made.certificate_pem, made.key_pem)
    kube = KubeClient(standalone_api.url, standalone_api.ca, standalone_api.token)
    create_namespace(kube)
    apply_crds(kube)
    (port,) = free_ports(1)
    files = [f"--tls-{name}={tmp_path / file}" for name, file in (("certificate", "tls.crt"), ("key", "tls.key"))]
    command: list[str | Path] = [
        *(
            PROGRAMS / "jumplab-operator",
            "run",
            "--kubeconfig",
            standalone_api.kubeconfig,
            "--own-namespace",
            NAMESPACE,
        ),
        *(
            "--listen",
            f"127.0.0.1:{port}",
            "--endpoint",
            f"localhost:{port}",
            f"--tls-ca={tmp_path / 'ca.crt'}",
            *files,
        ),
    ]
    operator = Process(command, tmp_path / "operator.log")
    operator.start()
    try:
        operator.wait_until(lambda: "Jumplab is running" in operator.output(), "its start")
        trust = ssl.create_default_context(cafile=str(tmp_path / "ca.crt"))
        with (
            socket.create_connection(("127.0.0.1", port)) as raw,
            trust.wrap_socket(raw, server_hostname="localhost") as tls,
        ):
            served = tls.getpeercert(binary_form=True)
        assert served == x509.load_pem_x509_certificate(made.certificate_pem).public_bytes(Encoding.DER)
        place = f"/apis/jumpstarter.dev/v1alpha1/namespaces/{NAMESPACE}/clients"
        client = {"apiVersion": "jumpstarter.dev/v1alpha1", "kind": "Client", "metadata": {"name": "told"}, "spec": {}}
        kube.create(place, client).ok()
        secret = f"/api/v1/namespaces/{NAMESPACE}/secrets/told-client"
        operator.wait_until(lambda: kube.get(secret).code == 200, "the credential")
        assert b64decode(kube.get(secret).ok()["data"]["ca.crt"]) == AUTHORITY.certificate_pem
    finally:
        operator.stop()
        kube.close()


@pytest.mark.parametrize("half", ["--tls-certificate", "--tls-key"])
def test_half_a_certificate_is_wrong_usage(tmp_path: Path, half: str) -> None:
    command = [PROGRAMS / "jumplab-operator", "run", "--endpoint", "lab.example:7444", half, "file"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 2
    assert "--tls-certificate and --tls-key require each other" in done.stderr


def status(url: str) -> int:
    """The HTTP status of a GET; 0 where nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0
