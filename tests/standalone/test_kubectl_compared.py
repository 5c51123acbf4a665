"""The real kubectl says the same on both servers: what it prints is compared, less what differs from run to run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.kube.client import CRDS, KubeClient
from tests.kube.kubectl import Kubectl
from tests.kube.servers import KubeApi, RealKubeApi, StandaloneApi
from tests.kube.waiting import eventually
from tests.standalone import widgets
from tests.standalone.widgets import GROUP, widget

pytestmark = pytest.mark.needs("kubectl")

NAMESPACE = "compared"
EDITOR = "#!/bin/sh\nsed -i 's/size: .*/size: 7/' \"$1\"\n"
SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": "1"}}
CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"k": "v"}}
EVENT = {
    "apiVersion": "v1", "kind": "Event", "metadata": {"name": "e", "namespace": NAMESPACE},
    "involvedObject": {"kind": "Widget", "name": "a", "namespace": NAMESPACE, "apiVersion": f"{GROUP}/v1"},
    "reason": "Polished", "message": "Shiny", "type": "Normal", "source": {"component": "us"}, "count": 1,
    "firstTimestamp": "2024-01-01T00:00:00Z", "lastTimestamp": "2024-01-01T00:00:00Z",
}  # fmt: skip
_PASSING = [
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "UID"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ [+-]\d{4}"), "TIME"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "TIME"),
    (re.compile(r"(resourceVersion\"?: ?\"?|Resource Version: +)\d+"), r"\1N"),
    (re.compile(r"/tmp/[\w./-]+"), "FILE"),
    (re.compile(r"https://127\.0\.0\.1:\d+"), "SERVER"),
    (re.compile(r"\b\d+[smhdy](\d+[smhdy])?\b"), "AGE"),
    (re.compile(r"[ \t]+"), " "),
    (re.compile(r"\n\n+"), "\n\n"),  # some kubectls run as the version that fits the server
]


class Both:
    """One kubectl for each server."""

    def __init__(self, standalone: Kubectl, real: Kubectl) -> None:
        self.standalone = standalone
        self.real = real

    def same(self, *arguments: str, stdin: str = "") -> str:
        """What both say; fails where they differ."""
        ours, theirs = self.standalone.run(*arguments, stdin=stdin), self.real.run(*arguments, stdin=stdin)
        told = [(said.status, plain(said.out), plain(said.err)) for said in (ours, theirs)]
        assert told[0] == told[1], f"kubectl {' '.join(arguments)}"
        return told[0][1] + told[0][2]


def plain(text: str) -> str:
    """Without what differs from run to run, and without the real server's managedFields and link."""
    text = re.sub(r"(?m)^ +(selfLink|Self Link): .*\n", "", text)
    for pattern, shown in _PASSING:
        text = pattern.sub(shown, text)
    return text


def prepared(api: KubeApi, home: Path) -> Kubectl:
    client = KubeClient(api.url, api.ca, api.token)
    client.create(CRDS, widgets.crd())
    eventually(lambda: client.get(f"/apis/{GROUP}/v1/widgets").code == 200, "widgets are served")
    client.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}}).ok()
    accounts = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts"
    eventually(lambda: client.get(f"{accounts}/default").code == 200, "the default account")
    client.close()
    home.mkdir()
    editor = home / "editor"
    editor.write_text(EDITOR)
    editor.chmod(0o700)
    return Kubectl(api.kubeconfig, home, NAMESPACE, {"KUBE_EDITOR": str(editor)})


@pytest.fixture(scope="module")
def both(
    standalone_api: StandaloneApi, real_kube_api: RealKubeApi, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Both]:
    homes = tmp_path_factory.mktemp("homes")
    both = Both(prepared(standalone_api, homes / "standalone"), prepared(real_kube_api, homes / "real"))
    yield both
    for each in (both.standalone, both.real):
        each.run("delete", "namespace", NAMESPACE, "--wait=false")


def text(*objects: object) -> str:
    return yaml.safe_dump_all(objects)


@pytest.fixture
def made(both: Both) -> Iterator[Both]:
    """With a widget, a secret, a config map and an event."""
    objects = text(widget(code="abc"), SECRET, CONFIG_MAP, EVENT)
    both.same("apply", "-f", "-", stdin=objects)
    yield both
    both.same("delete", "-f", "-", "--wait=false", "--ignore-not-found", stdin=objects)


def test_apply_diff_and_replace(made: Both) -> None:
    assert "unchanged" in made.same("apply", "-f", "-", stdin=text(widget(code="abc")))
    assert "+ size: 4" in made.same("diff", "-f", "-", stdin=text(widget(size=4)))
    assert "configured" in made.same("apply", "-f", "-", stdin=text(widget(size=4)))
    made.same("diff", "-f", "-", stdin=text(widget(size=4)))
    assert "is invalid" in made.same("apply", "-f", "-", stdin=text(widget(size=99)))
    assert "created (server dry run)" in made.same("apply", "--dry-run=server", "-f", "-", stdin=text(widget("z")))
    assert "replaced" in made.same("replace", "-f", "-", stdin=text(widget(size=5)))
    assert "NotFound" in made.same("replace", "-f", "-", stdin=text(widget("none")))
    assert "already exists" in made.same("create", "-f", "-", stdin=text(widget()))


def test_edit_patch_label_and_annotate(made: Both) -> None:
    assert "edited" in made.same("edit", "wid", "a")
    assert made.same("get", "wid", "a", "-o", "jsonpath={.spec.size}") == "7"
    made.same("patch", "wid", "a", "--type=merge", "-p", '{"spec":{"size":4}}')
    made.same("patch", "wid", "a", "--type=json", "-p", '[{"op":"test","path":"/spec/size","value":4}]')
    for each in (
        made.standalone,
        made.real,
    ):  # which kinds of patch there are instead differs: one is server-side apply
        assert "strategic-merge-patch+json is not supported" in each.run("patch", "wid", "a", "-p", "{}").err
    made.same("patch", "secret", "s", "-p", '{"stringData":{"b":"2"}}')
    made.same("label", "wid", "a", "x=y")
    made.same("label", "wid", "a", "x=z")
    made.same("label", "wid", "a", "x=z", "--overwrite")
    made.same("label", "wid", "a", "x-")
    made.same("annotate", "secret", "s", "note=1")


def test_what_cannot_be_scaled(made: Both) -> None:
    assert "not found" in made.same("scale", "--replicas=2", "wid/a")


@pytest.mark.parametrize("kind", ["wid", "secret", "cm", "sa", "ev", "events.events.k8s.io", "toys"])
@pytest.mark.parametrize("output", ["", "wide", "name", "yaml", "json"])
def test_get(made: Both, kind: str, output: str) -> None:
    made.same("get", kind, *(["-o", output] if output else []))


def test_get_by_what_is_asked_for(made: Both) -> None:
    made.same("get", "wid", "-o", "custom-columns=N:.metadata.name,S:.spec.size")
    made.same("get", "wid", "a", "-o", "go-template={{.spec.code}}")
    made.same("get", "wid", "-l", "x=y")
    made.same("get", "wid", "none")
    made.same("get", "gadgets")
    made.same("get", "wid", "--field-selector=spec.size=3")
    made.same("get", "ns", NAMESPACE)
    made.same("get", "crd", f"widgets.{GROUP}", "-o", "name")
    made.same("get", "--raw", "/readyz")


def test_describe(made: Both) -> None:
    made.same("describe", "wid", "a")
    made.same("describe", "secret", "s")
    made.same("describe", "cm", "m")
    made.same("describe", "sa", "default")


def test_events(made: Both) -> None:
    assert "Shiny" in made.same("events")
    made.same("events", "--for", f"widgets.{GROUP}/a")


def fields(said: str) -> list[str]:
    """The names and types that an explanation lists, without words that are each server's own."""
    return sorted(re.findall(r"(?m)^ {1,4}(\w+)\t<([^>]*)>", said))


@pytest.mark.parametrize(
    "what", ["secret", "configmap", "namespace.status", "serviceaccount", "lease.spec", f"widgets.{GROUP}.spec"]
)
def test_explain_names_the_same_fields(both: Both, what: str) -> None:
    ours, theirs = both.standalone.ok("explain", what), both.real.ok("explain", what)
    assert [name for name, _ in fields(ours)] == [name for name, _ in fields(theirs)]
    assert fields(ours)


def test_wait_and_delete(made: Both) -> None:
    assert "timed out" in made.same("wait", "--for=condition=Ready", "wid/a", "--timeout=1s")
    assert "condition met" in made.same("wait", "--for=jsonpath={.spec.size}=3", "wid/a", "--timeout=240s")
    assert "deleted" in made.same("delete", "wid", "a")
    assert "NotFound" in made.same("delete", "wid", "a")
    made.same("delete", "wid", "--all")
    assert made.same("wait", "--for=delete", "wid/a", "--timeout=240s") == ""


def test_a_dry_run_deletes_nothing(made: Both) -> None:
    assert "(server dry run)" in made.same("delete", "wid", "a", "--dry-run=server")
    assert "(server dry run)" in made.same("delete", "wid,secret,cm", "--all", "--dry-run=server")
    assert "(server dry run)" in made.same("delete", "namespace", NAMESPACE, "--dry-run=server")
    assert "(server dry run)" in made.same("delete", "crd", f"widgets.{GROUP}", "--dry-run=server")
    pruning = ("apply", "--prune", "--all", f"--prune-allowlist={GROUP}/v1/Widget", "--dry-run=server", "-f", "-")
    assert f"widget.{GROUP}/a pruned (server dry run)" in made.same(*pruning, stdin=text(widget("b")))
    assert "widget" in made.same("get", "wid,secret,cm", "-o", "name")
    assert "Active" in made.same("get", "namespace", NAMESPACE)


def test_some_namespaces_stay(both: Both) -> None:
    refusal = 'namespaces "default" is forbidden: this namespace may not be deleted'
    assert refusal in both.same("delete", "namespace", "default")
    assert refusal in both.same("delete", "namespace", "default", "--dry-run=server")


def test_what_may_be_done(both: Both) -> None:
    account = f"--as=system:serviceaccount:{NAMESPACE}:default"
    assert both.same("auth", "can-i", "create", "secrets") == "yes\n"
    assert both.same("auth", "can-i", "create", "secrets", account).startswith("no")
    both.same("auth", "can-i", "get", "/api", account)
    both.same("get", "secrets", account)


def test_a_token_is_created(both: Both) -> None:
    for each in (both.standalone, both.real):
        token = each.ok("create", "token", "default").strip()
        assert token.count(".") == 2
        assert each.run("auth", "can-i", "get", "secrets", f"--token={token}").out.startswith(("no", "yes"))
    both.same("create", "token", "nobody")
    both.same("create", "token", "default", "--duration=1m")
