"""Which Kubernetes API to use, and how to be let in: a kubeconfig, or what a pod is given."""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from jumplab.transport.proxies import is_loopback
from jumplab.transport.tls_settings import read_certificates
from jumplab.yaml_documents import YamlRefused, read_document
from jumplab_operator.errors import NoKubeAccess

_POD_FOLDER = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True)
class KubeAccess:
    """The address of the Kubernetes API and its credentials: base URL, CA as PEM (None: the system's), bearer token."""

    url: str
    ca_pem: str | None
    first_token: str
    token_file: Path | None = None
    """The token in force now, where it is replaced while the operator runs: a pod's is, within the hour."""
    on_this_machine: bool = False
    """The API is in this very process, whatever its address."""
    trust: ssl.SSLContext | None = None
    """In place of `ca_pem`: a context that gets further CAs while it is in use."""

    @property
    def proxy(self) -> str | None:
        """The proxy that the environment names for the API (HTTPS_PROXY, NO_PROXY); none for an API on this machine.

        Raises NoKubeAccess where it is no HTTP proxy.
        """
        parts = urlsplit(self.url)
        if self.on_this_machine or is_loopback(parts.hostname or "") or proxy_bypass(parts.netloc):
            return None
        proxy = getproxies().get(parts.scheme)
        if proxy and urlsplit(proxy).scheme not in ("http", "https"):
            raise NoKubeAccess(
                f"{parts.scheme}_proxy names {proxy}, which is no HTTP proxy; write http://HOST:PORT, or set "
                f"no_proxy={parts.hostname}"
            )
        return proxy or None

    @property
    def token(self) -> str:
        """The bearer token for the next request."""
        if self.token_file is None:
            return self.first_token
        try:
            return self.token_file.read_text().strip() or self.first_token
        except OSError:  # it is being replaced; the one before is good for minutes yet
            return self.first_token


def find(kubeconfig: Path | None, environment: Mapping[str, str] = os.environ) -> KubeAccess:
    """The API of the given kubeconfig, else of $KUBECONFIG, else of the pod that this runs in. Raises NoKubeAccess."""
    named = kubeconfig or (Path(environment["KUBECONFIG"]) if environment.get("KUBECONFIG") else None)
    if named is not None:
        return _of_kubeconfig(named)
    host, port = environment.get("KUBERNETES_SERVICE_HOST"), environment.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        raise NoKubeAccess("no cluster is named; give --kubeconfig, set KUBECONFIG, or run in a pod")
    token_file = _POD_FOLDER / "token"
    try:
        ca_pem, token = (_POD_FOLDER / "ca.crt").read_text(), token_file.read_text().strip()
    except OSError as error:
        raise NoKubeAccess(f"the pod has no service account token ({error}); give it a service account") from error
    url = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    if not token:
        raise NoKubeAccess(f"{token_file} is empty; give the pod a service account and start it again")
    return KubeAccess(url, ca_pem, token, token_file)


def _of_kubeconfig(file: Path) -> KubeAccess:
    try:
        config = read_document(file.read_text()).content
        context = _named(config, "contexts", config["current-context"])["context"]
        cluster = _named(config, "clusters", context["cluster"])["cluster"]
        user = _named(config, "users", context["user"])["user"]
        url = str(cluster["server"])
        if not isinstance(user, Mapping):
            raise TypeError("a user is a mapping")
    except OSError as error:
        raise NoKubeAccess(f"the kubeconfig {file} can't be read: {error.strerror or error}") from error
    except YamlRefused as error:
        raise NoKubeAccess(f"the kubeconfig {file} {error}") from error
    except (UnicodeDecodeError, KeyError, TypeError, StopIteration) as error:
        raise NoKubeAccess(f"{file} is not a kubeconfig with a current context, its cluster and its user") from error
    token = str(user.get("token") or _content(file, user.get("tokenFile")) or "").strip()
    if len(token.split()) != 1:
        what = "a token with white space in it" if token else "no token"
        raise NoKubeAccess(
            f'the user "{context["user"]}" in {file} has {what}; the operator needs a service account\'s'
        )
    token_file = None if user.get("token") else file.parent / user["tokenFile"]
    return KubeAccess(url, _authority(file, cluster), token, token_file)


def _authority(kubeconfig: Path, cluster: Mapping[str, Any]) -> str | None:
    """The cluster's CA as PEM; None: those that the system trusts."""
    text, key = cluster.get("certificate-authority-data"), "certificate-authority-data"
    if not text:
        text, key = _content(kubeconfig, cluster.get("certificate-authority")), "certificate-authority"
    try:
        return read_certificates(str(text)).decode() if text else None
    except ValueError as error:
        raise NoKubeAccess(f"{key} of the cluster in {kubeconfig} {error}") from error


def _named(config: Mapping[str, Any], kind: str, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(each for each in config[kind] if each["name"] == name)
    return found


def _content(kubeconfig: Path, file: Any) -> str | None:
    """A file that a kubeconfig names, relative to it. Raises NoKubeAccess, for what is no name of a file as well."""
    if file is None:
        return None
    if not isinstance(file, str) or "\0" in file:
        raise NoKubeAccess(f"{kubeconfig} has {file!r} where the path of a file is expected; write a path")
    try:
        return (kubeconfig.parent / file).read_text()
    except OSError as error:
        raise NoKubeAccess(f"{file}, which {kubeconfig} names, can't be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise NoKubeAccess(f"{file}, which {kubeconfig} names, is not text") from error
