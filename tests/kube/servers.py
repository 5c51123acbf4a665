"""The API servers that tests run against, in one shape: url, CA, token, kubeconfig; start, stop, kill, restart."""

from __future__ import annotations

import os
import secrets
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import yaml
from cryptography.hazmat.primitives import serialization

from jumplab_operator import pki
from tests.kube.processes import START_SECONDS, Process, free_ports

ASSETS = os.environ.get("KUBEBUILDER_ASSETS", "")
PROGRAMS = ("kube-apiserver", "kube-controller-manager", "etcd")
NO_ASSETS = (
    f"KUBEBUILDER_ASSETS is not set: name a folder with {', '.join(PROGRAMS)}, as setup-envtest makes one; "
    "without it nothing is compared with the real server"
)


class KubeApi(Protocol):
    """A Kubernetes API that runs."""

    @property
    def name(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def ca(self) -> Path: ...
    @property
    def kubeconfig(self) -> Path: ...
    @property
    def token(self) -> str: ...


class OwnKubeApi(KubeApi, Protocol):
    """A Kubernetes API of the test's own, which it may stop."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...
    def restart(self) -> None: ...


@dataclass(frozen=True)
class SharedKubeApi:
    """A Kubernetes API that another process has started, for several to use."""

    name: str
    url: str
    ca: Path
    kubeconfig: Path
    token: str

    @classmethod
    def at(cls, address: Mapping[str, str]) -> SharedKubeApi:
        return cls("real", address["url"], Path(address["ca"]), Path(address["kubeconfig"]), address["token"])

    def wait(self) -> None:
        """Returns once it can be used; the bound is for one that never gets there."""
        deadline = time.monotonic() + 2 * START_SECONDS
        while not is_usable(self):
            assert time.monotonic() < deadline, f"the kube-apiserver that the workers share does not answer: {self.url}"
            time.sleep(0.05)


class _Running:
    """What both servers have: `with` starts and stops, `restart` keeps data and address."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError

    def restart(self) -> None:
        self.stop()
        self.start()


class RealKubeApi(_Running):
    """kube-apiserver on etcd from KUBEBUILDER_ASSETS; with the controller manager where garbage collection and the
    end of namespaces matter. `stop` and `kill` end kube-apiserver alone (and what needs it); `close` ends etcd too."""

    name = "real"

    def __init__(self, folder: Path, *, controllers: bool = False, assets: str = ASSETS) -> None:
        self._folder = folder
        self._assets = Path(assets)
        folder.mkdir(parents=True, exist_ok=True)
        self.token = secrets.token_hex(16)
        self.ca = folder / "ca.crt"
        self.kubeconfig = folder / "kubeconfig"
        port, etcd_port, peer_port = free_ports(3)
        self.url = f"https://127.0.0.1:{port}"
        self._write_credentials()
        self._etcd_url = f"http://127.0.0.1:{etcd_port}"
        self._etcd = Process(self._etcd_command(f"http://127.0.0.1:{peer_port}"), folder / "etcd.log")
        self._server = Process(self._server_command(port), folder / "kube-apiserver.log")
        self._controllers = Process(self._controllers_command(), folder / "kcm.log") if controllers else None
        self._etcd_started = False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        if not self._etcd_started:
            self._etcd.start()
            self._etcd.wait_until(lambda: answers(f"{self._etcd_url}/health"), "its start")
            self._etcd_started = True
        self._server.start()
        self._server.wait_until(lambda: is_usable(self), "its start")
        if self._controllers:
            self._controllers.start()

    def stop(self) -> None:
        if self._controllers:
            self._controllers.stop()
        self._server.kill()  # its own shutdown waits for a minute of open watches

    def kill(self) -> None:
        self.stop()

    def close(self) -> None:
        self.stop()
        self._etcd.kill()
        self._etcd_started = False

    def address(self) -> dict[str, str]:
        """For another process: see SharedKubeApi."""
        return {"url": self.url, "ca": str(self.ca), "kubeconfig": str(self.kubeconfig), "token": self.token}

    def _write_credentials(self) -> None:
        now = datetime.now(UTC)
        authority = pki.make_authority(now)
        server = pki.issue_server_certificate(authority, ["127.0.0.1", "localhost"], now)
        self.ca.write_bytes(authority.certificate_pem)
        (self._folder / "server.crt").write_bytes(server.certificate_pem)
        key = serialization.load_pem_private_key(server.key_pem, password=None)
        (self._folder / "server.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        )
        (self._folder / "tokens.csv").write_text(f'{self.token},admin,admin,"system:masters"\n')
        self.kubeconfig.write_text(yaml.safe_dump(kubeconfig(self.url, self.ca, self.token)))

    def _etcd_command(self, peer_url: str) -> list[str | Path]:
        return [
            self._assets / "etcd",
            "--name=default",
            f"--data-dir={self._folder / 'etcd'}",
            f"--listen-client-urls={self._etcd_url}",
            f"--advertise-client-urls={self._etcd_url}",
            f"--listen-peer-urls={peer_url}",
            f"--initial-advertise-peer-urls={peer_url}",
            f"--initial-cluster=default={peer_url}",
            "--unsafe-no-fsync",
        ]

    def _server_command(self, port: int) -> list[str | Path]:
        key = self._folder / "server.key"
        return [
            self._assets / "kube-apiserver",
            f"--etcd-servers={self._etcd_url}",
            "--bind-address=127.0.0.1",
            f"--secure-port={port}",
            f"--tls-cert-file={self._folder / 'server.crt'}",
            f"--tls-private-key-file={key}",
            f"--token-auth-file={self._folder / 'tokens.csv'}",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            f"--service-account-issuer={self.url}",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--disable-admission-plugins=ServiceAccount",
            "--allow-privileged=true",
        ]

    def _controllers_command(self) -> list[str | Path]:
        return [
            self._assets / "kube-controller-manager",
            f"--kubeconfig={self.kubeconfig}",
            "--controllers=garbagecollector,namespace,serviceaccount",
            "--leader-elect=false",
            "--port=0",
            "--secure-port=0",
        ]


class StandaloneApi(_Running):
    """The standalone API in a process of its own, on a port that it keeps."""

    name = "standalone"

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (port,) = free_ports(1)
        self.data_dir = folder / "data"
        self.url = f"https://127.0.0.1:{port}"
        self.ca = self.data_dir / "ca.crt"
        self.kubeconfig = self.data_dir / "kubeconfig"
        command: list[str | Path] = [
            sys.executable,
            "-P",  # the modules beside it stay where they are
            Path(__file__).with_name("api_process.py"),
            "--data-dir",
            self.data_dir,
            "--port",
            str(port),
            *options,
        ]
        self.process = Process(command, folder / "standalone.log")

    @property
    def token(self) -> str:
        return (self.data_dir / "admin.token").read_text().strip()

    def start(self) -> None:
        self.process.start()
        self.process.wait_until(lambda: self.kubeconfig.exists() and answers(f"{self.url}/readyz", self), "its start")

    def stop(self) -> None:
        self.process.stop()

    def kill(self) -> None:
        self.process.kill()


def is_usable(api: KubeApi) -> bool:
    """Whether a real server is ready and has made the default namespace."""
    return answers(f"{api.url}/readyz", api) and answers(f"{api.url}/api/v1/namespaces/default", api)


def answers(url: str, api: KubeApi | None = None) -> bool:
    """Whether a GET of the address gives 200."""
    request = urllib.request.Request(url)
    context = None
    if api is not None:
        request.add_header("Authorization", f"Bearer {api.token}")
        context = ssl.create_default_context(cafile=str(api.ca))
    try:
        with urllib.request.urlopen(request, timeout=5, context=context) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def kubeconfig(url: str, ca: Path, token: str) -> dict[str, Any]:
    """A kubeconfig with one context."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": "default"}}],
        "clusters": [{"name": "test", "cluster": {"server": url, "certificate-authority": str(ca)}}],
        "users": [{"name": "test", "user": {"token": token}}],
    }
