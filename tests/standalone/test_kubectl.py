"""An everyday kubectl: apply, get, describe, patch, label, wait, delete, against both servers."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.kube.client import CRDS, KubeClient
from tests.kube.kubectl import Kubectl
from tests.kube.servers import KubeApi
from tests.standalone import widgets
from tests.standalone.widgets import GROUP, widget

pytestmark = pytest.mark.needs("kubectl")

WIDGETS = f"widgets.{GROUP}"


@pytest.fixture
def kubectl(kube_api: KubeApi, client: KubeClient, namespace: str, tmp_path: Path) -> Kubectl:
    return Kubectl(kube_api.kubeconfig, tmp_path, namespace)


def manifest(name: str = "a", **spec: object) -> str:
    return yaml.safe_dump(widget(name, **spec))


def test_apply_creates_changes_and_leaves_alone(kubectl: Kubectl) -> None:
    assert kubectl.ok("apply", "-f", "-", stdin=manifest(code="abc")) == "widget.widgets.example.com/a created\n"
    assert kubectl.ok("apply", "-f", "-", stdin=manifest(code="abc")) == "widget.widgets.example.com/a unchanged\n"
    assert kubectl.ok("apply", "-f", "-", stdin=manifest(size=4)) == "widget.widgets.example.com/a configured\n"
    spec = json.loads(kubectl.ok("get", WIDGETS, "a", "-o", "json"))["spec"]
    assert spec == {"size": 4, "colour": "red", "enabled": True}


def test_apply_of_what_the_schema_refuses(kubectl: Kubectl) -> None:
    said = kubectl.run("apply", "-f", "-", stdin=manifest(size=99))
    assert said.status == 1
    assert said.err == (
        'The Widget "a" is invalid: spec.size: Invalid value: 99: '
        "spec.size in body should be less than or equal to 10\n"
    )


def test_apply_of_a_field_that_is_not_there(kubectl: Kubectl) -> None:
    said = kubectl.run("apply", "-f", "-", stdin=manifest(colur="red"))
    assert said.status == 1
    assert 'unknown field "colur" in com.example.widgets.v1.Widget.spec' in said.err


def test_apply_of_an_unknown_kind(kubectl: Kubectl) -> None:
    sent = {**widget(), "kind": "Gadget"}
    said = kubectl.run("apply", "-f", "-", stdin=yaml.safe_dump(sent))
    assert said.status == 1
    assert f'no matches for kind "Gadget" in version "{GROUP}/v1"' in said.err


def test_apply_of_built_in_kinds(kubectl: Kubectl) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": "1"}}
    assert kubectl.ok("apply", "-f", "-", stdin=yaml.safe_dump(secret)) == "secret/s created\n"
    secret["stringData"] = {"b": "2"}
    assert kubectl.ok("apply", "-f", "-", stdin=yaml.safe_dump(secret)) == "secret/s configured\n"
    assert "b" in json.loads(kubectl.ok("get", "secret", "s", "-o", "json"))["data"]


def test_get_prints_the_columns(kubectl: Kubectl) -> None:
    kubectl.ok("apply", "-f", "-", stdin=manifest(tags=["x"]))
    lines = kubectl.ok("get", "wid").splitlines()
    assert lines[0].split() == ["NAME", "SIZE", "READY", "AGE"]
    assert lines[1].split()[:2] == ["a", "3"]
    lines = kubectl.ok("get", "wid", "-o", "wide").splitlines()
    assert lines[0].split() == ["NAME", "SIZE", "READY", "COLOUR", "TAGS", "SINCE", "AGE"]
    assert lines[1].split()[:4] == ["a", "3", "red", '["x"]']
    assert kubectl.ok("get", "toys", "-o", "name") == f"widget.{GROUP}/a\n"
    assert kubectl.ok("get", "wid", "-o", "jsonpath={.items[0].spec.colour}") == "red"
    assert kubectl.ok("get", "wid", "-l", "x=y", "-o", "name") == ""


def test_get_yaml_is_what_is_stored(kubectl: Kubectl) -> None:
    kubectl.ok("create", "-f", "-", stdin=manifest())
    shown = yaml.safe_load(kubectl.ok("get", "wid", "a", "-o", "yaml"))
    assert shown["kind"] == "Widget"
    assert shown["spec"] == {"size": 3, "colour": "red", "enabled": True}
    assert "managedFields" not in shown["metadata"]


def test_get_of_what_is_not_there(kubectl: Kubectl) -> None:
    said = kubectl.run("get", "wid", "none")
    assert said.status == 1
    assert said.err == f'Error from server (NotFound): {WIDGETS} "none" not found\n'


def test_watching_prints_each_change(kubectl: Kubectl) -> None:
    kubectl.ok("create", "-f", "-", stdin=manifest())
    command = kubectl.command("get", "wid", "-w", "-o", "custom-columns=N:.metadata.name,S:.spec.size", "--no-headers")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=kubectl.env) as watching:
        assert watching.stdout is not None
        assert watching.stdout.readline().split() == ["a", "3"]
        kubectl.ok("patch", "wid", "a", "--type=merge", "-p", '{"spec":{"size":4}}')
        assert watching.stdout.readline().split() == ["a", "4"]
        watching.terminate()


def test_watching_a_table_prints_each_change(kubectl: Kubectl) -> None:
    kubectl.ok("create", "-f", "-", stdin=manifest())
    with subprocess.Popen(
        kubectl.command("get", "wid", "-w"), stdout=subprocess.PIPE, text=True, env=kubectl.env
    ) as seen:
        assert seen.stdout is not None
        assert seen.stdout.readline().split() == ["NAME", "SIZE", "READY", "AGE"]
        assert seen.stdout.readline().split()[:2] == ["a", "3"]
        kubectl.ok("patch", "wid", "a", "--type=merge", "-p", '{"spec":{"size":5}}')
        assert seen.stdout.readline().split()[:2] == ["a", "5"]
        seen.terminate()


def test_describe_shows_the_object_and_its_events(kubectl: Kubectl, client: KubeClient, namespace: str) -> None:
    kubectl.ok("create", "-f", "-", stdin=manifest())
    made = json.loads(kubectl.ok("get", "wid", "a", "-o", "json"))
    about = {"kind": "Widget", "name": "a", "namespace": namespace, "uid": made["metadata"]["uid"]}
    event = {
        "metadata": {"name": "e"},
        "involvedObject": about,
        "reason": "Polished",
        "type": "Normal",
        "message": "Shiny",
    }
    client.create(f"/api/v1/namespaces/{namespace}/events", {**event, "source": {"component": "us"}}).ok()
    said = kubectl.ok("describe", "wid", "a")
    assert "Kind:         Widget" in said
    assert "Colour:   red" in said
    assert "Polished" in said
    assert "Shiny" in said


def test_patch_label_and_annotate(kubectl: Kubectl) -> None:
    kubectl.ok("create", "-f", "-", stdin=manifest())
    assert kubectl.ok("label", "wid", "a", "board=qemu") == "widget.widgets.example.com/a labeled\n"
    assert kubectl.ok("annotate", "wid", "a", "note=one") == "widget.widgets.example.com/a annotated\n"
    kubectl.ok("patch", "wid", "a", "--type=json", "-p", '[{"op":"replace","path":"/spec/size","value":6}]')
    kubectl.ok("label", "wid", "a", "board-")
    shown = json.loads(kubectl.ok("get", "wid", "a", "-o", "json"))
    assert shown["spec"]["size"] == 6
    assert shown["metadata"]["annotations"]["note"] == "one"
    assert "labels" not in shown["metadata"]
    assert kubectl.run("label", "wid", "a", "bad key=1").status == 1


def test_a_secret_is_labelled(kubectl: Kubectl) -> None:
    kubectl.ok("create", "secret", "generic", "s", "--from-literal=a=b")
    assert kubectl.ok("label", "secret", "s", "x=y") == "secret/s labeled\n"
    assert "a:  1 bytes" in kubectl.ok("describe", "secret", "s")


def test_wait_returns_when_the_condition_holds(kubectl: Kubectl, client: KubeClient, path: str) -> None:
    kubectl.ok("create", "-f", "-", stdin=manifest())
    command = kubectl.command("wait", "--for=condition=Ready", "wid/a", "--timeout=240s")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=kubectl.env) as waiting:
        for status in ("False", "True"):
            conditions = [{"type": "Ready", "status": status}]
            client.patch(f"{path}/a/status", {"status": {"conditions": conditions}}).ok()
        out, _ = waiting.communicate(timeout=240)
    assert out == "widget.widgets.example.com/a condition met\n"
    assert waiting.returncode == 0
    assert kubectl.run("wait", "--for=condition=Other", "wid/a", "--timeout=1s").status == 1


def test_wait_for_a_deletion(kubectl: Kubectl) -> None:
    kubectl.ok("create", "-f", "-", stdin=manifest())
    with subprocess.Popen(
        kubectl.command("wait", "--for=delete", "wid/a", "--timeout=240s"), env=kubectl.env
    ) as waiting:
        kubectl.ok("delete", "wid", "a", "--wait=false")
        assert waiting.wait(timeout=240) == 0


def test_delete(kubectl: Kubectl) -> None:
    kubectl.ok("create", "-f", "-", stdin=manifest("a"))
    kubectl.ok("create", "-f", "-", stdin=manifest("b"))
    kubectl.ok("create", "-f", "-", stdin=manifest("c"))
    assert kubectl.ok("delete", "wid", "a").splitlines()[0].startswith('widget.widgets.example.com "a" deleted')
    kubectl.ok("delete", "-f", "-", stdin=manifest("b"))
    kubectl.ok("delete", "wid", "--all")
    assert kubectl.ok("get", "wid", "-o", "name") == ""
    assert kubectl.run("delete", "wid", "a").status == 1
    assert kubectl.run("delete", "wid", "a", "--ignore-not-found").status == 0


def test_a_crd_is_applied_and_established(kubectl: Kubectl, client: KubeClient) -> None:
    crd = yaml.safe_dump(widgets.crd("gizmos", group="gizmos.example.com"))
    kubectl.ok("apply", "-f", "-", stdin=crd)
    try:
        kubectl.ok("wait", "--for=condition=Established", "crd/gizmos.gizmos.example.com", "--timeout=240s")
        assert "unchanged" in kubectl.ok("apply", "-f", "-", stdin=crd)
        assert kubectl.ok("get", "gizmos", "-o", "name") == ""
        # It asks for every group, and fails while another test's group is just going; it prints what it found.
        assert "gizmos" in kubectl.run("api-resources", "--api-group=gizmos.example.com").out
    finally:
        client.delete(f"{CRDS}/gizmos.gizmos.example.com")


def test_explain_tells_the_fields(kubectl: Kubectl) -> None:
    said = kubectl.ok("explain", f"{WIDGETS}.spec")
    assert "colour" in said
    assert "-required-" in said


def test_a_dry_run_on_the_server(kubectl: Kubectl) -> None:
    assert "created (server dry run)" in kubectl.ok("apply", "--dry-run=server", "-f", "-", stdin=manifest())
    assert kubectl.run("get", "wid", "a").status == 1


def test_the_projects_own_resources_apply(kubectl: Kubectl) -> None:
    folder = Path(__file__).parents[2] / "crds"
    kubectl.ok("apply", "-f", str(folder))
    kubectl.ok("wait", "--for=condition=Established", "crd/leases.jumpstarter.dev", "--timeout=240s")
    sent = {
        "apiVersion": "jumpstarter.dev/v1alpha1", "kind": "Lease", "metadata": {"name": "l"},
        "spec": {"clientRef": {"name": "ci"}, "duration": "30m", "selector": {"matchLabels": {"board": "qemu"}}},
    }  # fmt: skip
    assert kubectl.ok("apply", "-f", "-", stdin=yaml.safe_dump(sent)) == "lease.jumpstarter.dev/l created\n"
    assert "NAME" in kubectl.ok("get", "jl")
    assert kubectl.ok("get", "jl", "l", "-o", "jsonpath={.spec.clientRef.name}") == "ci"
    assert kubectl.ok("get", "leases.jumpstarter.dev", "-o", "name") == "lease.jumpstarter.dev/l\n"
