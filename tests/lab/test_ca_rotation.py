"""The CA is replaced while a lab works: on one machine, and on a real kube-apiserver."""

from __future__ import annotations

import base64
import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import jumplab
from jumplab.client.config import ClientConfig
from jumplab.transport.errors import CertificateRejected
from tests.kube.client import KubeClient
from tests.kube.kubectl import Kubectl, Said
from tests.kube.servers import RealKubeApi
from tests.lab.homes import NAMESPACE, Home, OnCluster, OneMachine
from tests.lab.lab import Lab, condition
from tests.lab.test_revocation import use_once
from tests.lab.test_rotation import on_file

pytestmark = pytest.mark.nightly  # a stored CA is looked at every ten seconds


@pytest.fixture(params=["one machine", pytest.param("a cluster", marks=pytest.mark.needs("kube-apiserver"))])
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lab]:
    with contextlib.ExitStack() as stack:
        if request.param == "one machine":
            home: Home = OneMachine(tmp_path)
        else:
            home = OnCluster(tmp_path, stack.enter_context(RealKubeApi(tmp_path / "real")))
        yield stack.enter_context(Lab(home, tmp_path))


def rotate(lab: Lab, *options: str) -> Said:
    """The administrator's command, on the control plane of the lab."""
    home = lab.home
    where: list[str | Path] = ["--own-namespace", NAMESPACE, "--kubeconfig", home.kubeconfig]
    if isinstance(home, OneMachine):
        where = ["--data-dir", home.data_dir]
    return lab.ci.run("jumplab-operator", "rotate", "ca", *where, *options)


def made(lab: Lab, *options: str) -> None:
    """A step that the control plane has taken over."""
    said = rotate(lab, *options)
    assert said.status == 0, said.err
    assert "does not run" not in said.out
    connect_again(lab)


def connect_again(lab: Lab) -> None:
    """The test's own client of the API trusts what the kubeconfig has by now."""
    if isinstance(lab.home, OneMachine):
        lab.kube.close()
        cluster = yaml.safe_load(lab.home.kubeconfig.read_text())["clusters"][0]["cluster"]
        trusted = lab.folder / "trusted.crt"
        trusted.write_bytes(base64.b64decode(cluster["certificate-authority-data"]))
        token = (lab.home.data_dir / "admin.token").read_text().strip()
        lab.kube = KubeClient(cluster["server"], trusted, token)


def published(lab: Lab) -> list[str]:
    """The certificates in the Secret of client "ci"."""
    text = base64.b64decode(lab.get("secrets", "ci-client")["data"]["ca.crt"]).decode()
    return [part for part in text.split("-----BEGIN CERTIFICATE-----") if part]


def until_published(lab: Lab, certificates: int, *secrets: str) -> None:
    for secret in secrets:
        lab.until("secrets", secret, lambda it: base64.b64decode(it["data"]["ca.crt"]).count(b"BEGIN") == certificates)


def refresh(lab: Lab, kind: str, name: str, file: Path) -> None:
    said = lab.ci.run("jumplab", "admin", "refresh", kind, name, "-n", NAMESPACE, "--out", file)
    assert said.status == 0, said.err


def restarted(lab: Lab) -> None:
    lab.home.kill()
    lab.home.start()
    connect_again(lab)


def test_each_step_is_made_while_a_session_goes_on(lab: Lab) -> None:
    exporter = lab.exporter("bench-ca")
    exporter_file = lab.folder / "bench-ca.yaml"
    config, file = on_file(lab, "renewed")
    lab.lease("kept-by-ca", board="bench-ca", client="renewed")
    lab.until_ready("kept-by-ca")
    old_only = ClientConfig.model_validate(config.model_dump())
    with jumplab.attach("kept-by-ca", client=config, reconnect_within="1ms") as root:
        root.board.power.on()
        assert "no rotation of the CA has begun" in rotate(lab, "--switch").err

        made(lab)
        until_published(lab, 2, "renewed-client", "bench-ca-exporter", "ci-client")
        assert "so the old one can't be dropped" in rotate(lab, "--finish").err
        use_once(old_only)
        refresh(lab, "client", "renewed", file)
        refresh(lab, "exporter", "bench-ca", exporter_file)

        made(lab, "--switch")
        assert root.board.power.is_on()
        root.board.console.expect("autoboot")  # a further stream of the session, by a new connection
        use_once(config)
        with pytest.raises(CertificateRejected, match='is not signed by a trusted CA; check "tls.ca"'):
            use_once(old_only)

        made(lab, "--finish")
        until_published(lab, 1, "renewed-client", "bench-ca-exporter", "ci-client")
        refresh(lab, "client", "renewed", file)
        refresh(lab, "exporter", "bench-ca", exporter_file)
        use_once(config)
        assert root.board.power.is_on()
    assert "no rotation of the CA has begun" in rotate(lab, "--finish").err
    assert condition(lab.get("leases", "kept-by-ca"), "Ready")["status"] == "True"
    assert exporter.running
    lab.release("kept-by-ca")
    lab.until_available("bench-ca")


def test_a_killed_control_plane_goes_on_with_the_rotation(lab: Lab) -> None:
    file = lab.folder / "again.yaml"
    config, file = on_file(lab, "again")
    first = published(lab)
    for options, certificates in ((), 2), (("--switch",), 2), (("--finish",), 1):
        made(lab, *options)
        restarted(lab)
        until_published(lab, certificates, "again-client", "ci-client")
        refresh(lab, "client", "again", file)
        use_once(config)
    assert published(lab) != first


def test_a_late_exporter_comes_back_with_its_file(lab: Lab) -> None:
    exporter = lab.exporter("bench-late")
    made(lab)
    until_published(lab, 2, "bench-late-exporter")
    made(lab, "--switch")
    restarted(lab)
    sentence = 'is not signed by a trusted CA; check "tls.ca"; trying again'
    exporter.wait_until(lambda: sentence in exporter.output(), "a refusal")
    refresh(lab, "exporter", "bench-late", lab.folder / "bench-late.yaml")
    lab.until_available("bench-late")
    lab.lease("late", board="bench-late")
    lab.until_ready("late")
    lab.release("late")
    lab.until_available("bench-late")


@pytest.mark.needs("kubectl")
def test_kubectl_goes_on_with_the_kubeconfig_of_each_step(tmp_path: Path) -> None:
    home = OneMachine(tmp_path)
    with Lab(home, tmp_path) as lab:
        copy = tmp_path / "copy.kubeconfig"
        kubectl, elsewhere = Kubectl(home.kubeconfig, tmp_path, NAMESPACE), Kubectl(copy, tmp_path, NAMESPACE)
        shutil.copy(home.kubeconfig, copy)
        made(lab)
        kubectl.ok("get", "clients")
        elsewhere.ok("get", "clients")
        both = tmp_path / "both.kubeconfig"
        shutil.copy(home.kubeconfig, both)
        for option in ("--switch", "--finish"):
            made(lab, option)
            kubectl.ok("get", "clients")
            Kubectl(both, tmp_path, NAMESPACE).ok("get", "clients")
            said = elsewhere.run("get", "clients")
            assert said.status != 0
            assert "certificate signed by unknown authority" in said.err
