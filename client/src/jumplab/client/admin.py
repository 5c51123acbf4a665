"""Adds exporters and clients to a lab through the Kubernetes API, with their credentials.

The official client is an extra, `jumplab[admin]`: nobody who only leases needs it.
"""

import base64
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import yaml

from jumplab.client.errors import ClientError, ConfigurationError
from jumplab.protocol.durations import format_duration
from jumplab.protocol.label_selectors import ALL_OPERATORS, selector_problem
from jumplab.protocol.lease_rules import name_problem
from jumplab.transport.errors import is_out_of_date, out_of_date
from jumplab.transport.proxies import is_loopback
from jumplab.yaml_documents import read_document, reading_problem

_log = logging.getLogger(__name__)

_GROUP, _VERSION = "jumpstarter.dev", "v1alpha1"
_NOT_FOUND = 404
_SECRET = "/api/v1/namespaces/{namespace}/secrets/{name}"  # noqa: S105 - where Secrets are, not what is in one
_ROTATE = "jumplab.dev/rotate-token"
_OVERLAP = "jumplab.dev/token-overlap"
_PAGE_SIZE = 500
CREDENTIAL_BOUND = timedelta(seconds=30)

# The Kubernetes client raises these for files that are no kubeconfig.
_NO_KUBECONFIG = (OSError, ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError)

Kind = Literal["Exporter", "Client"]


@dataclass(frozen=True, slots=True)
class Credential:
    """The way of an exporter or a client to its controller. ca: PEM, empty where none is published."""

    kind: Kind
    namespace: str
    name: str
    endpoint: str
    token: str = field(repr=False)
    ca: str = ""


@dataclass(frozen=True, slots=True)
class ClientView:
    """A client at one moment. secret: the Secret that has its credential; empty before it was issued."""

    name: str
    namespace: str
    labels: Mapping[str, str]
    enabled: bool
    secret: str
    endpoint: str


class Administrator:
    """The Kubernetes API with an administrator's kubeconfig.

    kubeconfig: a path; None: KUBECONFIG, else ~/.kube/config.  namespace: None: the kubeconfig's own, else `default`.
    Raises ConfigurationError where the extra is not installed or the kubeconfig can't be used.
    """

    def __init__(self, kubeconfig: str | None, namespace: str | None) -> None:
        try:
            import kubernetes
        except ImportError:
            raise ConfigurationError(
                "administrators' commands need the Kubernetes client; install jumplab[admin], or use kubectl"
            ) from None
        self._kubernetes = kubernetes
        try:
            config: Any = kubernetes.config
            _check_keys(kubeconfig)
            config.load_kube_config(config_file=kubeconfig)
            _, context = config.list_kube_config_contexts(config_file=kubeconfig)
            self.namespace = namespace or context["context"].get("namespace") or "default"
            _check_name("Namespace", self.namespace)
        except (kubernetes.config.ConfigException, *_NO_KUBECONFIG) as error:
            named = kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"
            reason = " ".join(reading_problem(error).rstrip(".").split())
            raise ConfigurationError(
                f"the kubeconfig {named} can't be used: {reason}; set KUBECONFIG or --kubeconfig"
            ) from error
        self._choose_proxy()

    def _choose_proxy(self) -> None:
        """Nothing on this machine is reached through a proxy. Raises ConfigurationError where one can't be used."""
        chosen: Any = self._kubernetes.client.Configuration.get_default_copy()
        if is_loopback(urlsplit(chosen.host).hostname or ""):
            chosen.proxy = None
            self._kubernetes.client.Configuration.set_default(chosen)
        try:
            self._kubernetes.client.ApiClient()
        except (ImportError, ValueError) as error:
            raise ConfigurationError(
                f"the proxy {chosen.proxy} for {chosen.host} can't be used: {' '.join(str(error).split())}; set "
                "https_proxy to http://HOST:PORT, or no_proxy"
            ) from error

    def create(self, kind: Kind, name: str, labels: Mapping[str, str]) -> None:
        """Creates the resource. Raises ClientError, also where the name is taken."""
        _check_name(kind, name)
        body = {
            "apiVersion": f"{_GROUP}/{_VERSION}",
            "kind": kind,
            "metadata": {"name": name, "namespace": self.namespace, "labels": dict(labels)},
            "spec": {},
        }
        path = (_GROUP, _VERSION, self.namespace, _plural(kind))
        self._asked(self._kubernetes.client.CustomObjectsApi().create_namespaced_custom_object, *path, body)

    def reaches_further_than(self, endpoint: str) -> bool:
        """Whether the Kubernetes API is another machine's, and the endpoint is only for programs on that machine."""
        host = urlsplit(self._kubernetes.client.Configuration.get_default_copy().host).hostname or ""
        return is_loopback(endpoint.rpartition(":")[0].strip("[]")) and not is_loopback(host)

    def delete(self, kind: Kind, name: str) -> None:
        """Deletes the resource. Raises ClientError, also where there is none of that name."""
        _check_name(kind, name)
        path = (_GROUP, _VERSION, self.namespace, _plural(kind), name)
        self._asked(self._kubernetes.client.CustomObjectsApi().delete_namespaced_custom_object, *path)

    def revoke(self, kind: Kind, name: str) -> None:
        """Disables the resource. An exporter's credential is deleted as well: a disabled exporter would keep its lease.
        Raises ClientError, also where there is none of that name."""
        _check_name(kind, name)
        path = (_GROUP, _VERSION, self.namespace, _plural(kind), name)
        patch = {"spec": {"enabled": False}}
        self._asked(self._kubernetes.client.CustomObjectsApi().patch_namespaced_custom_object, *path, patch)
        _, secret = self._issued(kind, name)
        if kind == "Exporter" and secret:
            self._asked(self._kubernetes.client.CoreV1Api().delete_namespaced_secret, secret, self.namespace)

    def clients(self, selector: str = "", *, everywhere: bool = False) -> list[ClientView]:
        """The clients that a label selector matches, all of them for an empty one; everywhere: of all namespaces.
        Raises ClientError, ConfigurationError where it is no selector."""
        if problem := selector_problem(selector, ALL_OPERATORS):
            raise ConfigurationError(problem)
        return [_client_view(each) for each in self._listed("Client", selector, everywhere=everywhere)]

    def names(self, kind: Kind) -> list[str]:
        """The names of all resources of a kind. Raises ClientError."""
        return [each["metadata"]["name"] for each in self._listed(kind, "", everywhere=False)]

    def _listed(self, kind: Kind, selector: str, *, everywhere: bool) -> Iterator[Mapping[str, Any]]:
        api: Any = self._kubernetes.client.CustomObjectsApi()
        list_page = api.list_cluster_custom_object if everywhere else api.list_namespaced_custom_object
        where = () if everywhere else (self.namespace,)
        path = (_GROUP, _VERSION, *where, _plural(kind))
        more = ""
        while True:
            page = self._asked(partial(list_page, label_selector=selector, limit=_PAGE_SIZE, _continue=more), *path)
            yield from page["items"]
            more = page["metadata"].get("continue") or ""
            if not more:
                return

    def client(self, name: str) -> ClientView:
        """One client. Raises ClientError, also where there is none of that name."""
        _check_name("Client", name)
        path = (_GROUP, _VERSION, self.namespace, _plural("Client"), name)
        return _client_view(self._asked(self._kubernetes.client.CustomObjectsApi().get_namespaced_custom_object, *path))

    def wait_for_credential(
        self,
        kind: Kind,
        name: str,
        *,
        bound: timedelta = CREDENTIAL_BOUND,
        now: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> Credential:
        """Waits until the operator has issued the credential; raises ClientError where it does not within `bound`."""
        deadline = now() + bound.total_seconds()
        while now() < deadline:
            endpoint, secret = self._issued(kind, name)
            if secret and endpoint:
                return self._credential(kind, name, endpoint, secret)
            pause(0.1)
        raise ClientError(
            f'{kind.lower()} "{name}" exists, but no operator has issued its credential within '
            f'{bound.total_seconds():.0f} s; check that the operator runs and watches namespace "{self.namespace}"'
        )

    def credential(self, kind: Kind, name: str) -> Credential:
        """The credential that is in force. Raises ClientError."""
        _check_name(kind, name)
        return self._credential(kind, name, *self._issued_by_now(kind, name))

    def _issued_by_now(self, kind: Kind, name: str) -> tuple[str, str]:
        endpoint, secret = self._issued(kind, name)
        if not secret or not endpoint:
            raise ClientError(f'{kind.lower()} "{name}" has no credential yet; check that the operator runs')
        return endpoint, secret

    def rotate(
        self, kind: Kind, name: str, overlap: timedelta | None = None, *, bound: timedelta = CREDENTIAL_BOUND
    ) -> Credential:
        """Has the operator issue a new token in place of the one that is in force. Raises ClientError.

        overlap: how long the old one is still accepted; None: not at all.
        """
        _check_name(kind, name)
        endpoint, secret = self._issued_by_now(kind, name)
        asked = secrets.token_hex(8)
        path = (_GROUP, _VERSION, self.namespace, _plural(kind), name)
        length = format_duration(overlap) if overlap else None
        patch = {"metadata": {"annotations": {_ROTATE: asked, _OVERLAP: length}}}
        self._asked(self._kubernetes.client.CustomObjectsApi().patch_namespaced_custom_object, *path, patch)
        deadline = time.monotonic() + bound.total_seconds()
        while time.monotonic() < deadline:
            with suppress(_NotThere):  # it was deleted, and the operator is about to make it anew
                annotations = self._asked(self._read_secret, secret)["metadata"].get("annotations") or {}
                if annotations.get(_ROTATE) == asked:
                    return self._credential(kind, name, endpoint, secret)
            time.sleep(0.1)
        raise ClientError(
            f'no operator has replaced the token of {kind.lower()} "{name}" within {bound.total_seconds():.0f} s; it '
            f'may do so later; check that the operator runs and watches namespace "{self.namespace}"'
        )

    def _issued(self, kind: Kind, name: str) -> tuple[str, str]:
        """The endpoint and the name of the Secret, each empty before it was issued."""
        path = (_GROUP, _VERSION, self.namespace, _plural(kind), name)
        read = self._kubernetes.client.CustomObjectsApi().get_namespaced_custom_object
        status = self._asked(read, *path).get("status") or {}
        return status.get("endpoint") or "", (status.get("credential") or {}).get("name") or ""

    def _credential(self, kind: Kind, name: str, endpoint: str, secret: str) -> Credential:
        data: Mapping[str, str] = self._asked(self._read_secret, secret).get("data") or {}
        if not data.get("token"):
            raise ClientError(
                f'Secret "{secret}" has no token in its key "token"; delete it, and the operator makes a new one'
            )

        def text(key: str) -> str:
            return base64.b64decode(data.get(key, "")).decode()

        return Credential(kind, self.namespace, name, endpoint, text("token"), text("ca.crt"))

    def _read_secret(self, name: str, *, _request_timeout: float) -> Any:
        """The Secret as a plain object: its class comes with 250 others, which take a second to load."""
        api = self._kubernetes.client.ApiClient()
        path = {"namespace": self.namespace, "name": name}
        request = api.param_serialize("GET", _SECRET, path_params=path, auth_settings=["BearerToken"])
        response: Any = api.call_api(*request, _request_timeout=_request_timeout)
        response.read()
        return api.response_deserialize(response, {"200": "object"}).data

    def _asked(self, call: Callable[..., Any], *arguments: Any) -> Any:
        from urllib3.exceptions import HTTPError

        begin = time.monotonic()
        try:
            answer = call(*arguments, _request_timeout=10)
            asked_for = "/".join(each for each in arguments if isinstance(each, str))
            _log.debug("the Kubernetes API took %.0f ms for %s", (time.monotonic() - begin) * 1000, asked_for)
            return answer
        except self._kubernetes.client.ApiException as error:
            refusal = _NotThere if error.status == _NOT_FOUND else ClientError
            raise refusal(_refusal_sentence(error.status, error.body or error.reason)) from error
        except HTTPError as error:
            host = self._kubernetes.client.Configuration.get_default_copy().host
            if is_out_of_date(str(error)):
                raise ClientError(out_of_date(host, str(error))) from error
            raise ClientError(f"the Kubernetes API at {host} can't be reached; check that it runs") from error


class _NotThere(ClientError):
    """The Kubernetes API has no such object."""


def _check_name(kind: str, name: str) -> None:
    """Raises ClientError for a name that nothing can have; in a URL it could mean something else."""
    if problem := name_problem(name):
        raise ClientError(f'{kind.lower()} "{name}": {problem}')


def _check_keys(kubeconfig: str | None) -> None:
    """Reads the files as every other file is read. Raises ValueError where a key is written twice."""
    named = kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"
    for file in filter(None, named.split(os.pathsep)):
        path = Path(os.path.expanduser(file))
        if path.is_file():
            read_document(path.read_text(encoding="utf-8"))


def _client_view(resource: Mapping[str, Any]) -> ClientView:
    metadata, status = resource["metadata"], resource.get("status") or {}
    return ClientView(
        name=metadata["name"],
        namespace=metadata["namespace"],
        labels=metadata.get("labels") or {},
        enabled=(resource.get("spec") or {}).get("enabled", True),
        secret=(status.get("credential") or {}).get("name", ""),
        endpoint=status.get("endpoint") or "",
    )


def _plural(kind: Kind) -> str:
    return f"{kind.lower()}s"


def _refusal_sentence(status: int, body: str) -> str:
    """The sentence in a Kubernetes Status object, else the HTTP status."""
    import json

    try:
        message = json.loads(body)["message"]
    except (ValueError, KeyError, TypeError):
        message = f"HTTP status {status}"
    return f"the Kubernetes API refused: {message}"
