"""Helm's own library lints and renders both charts, and says what is wrong with values."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import helm_python as helm
import pytest
import yaml

from jumplab_exporter import config as exporter_config
from jumplab_operator import pki
from jumplab_operator.leadership.pod import LEADS
from tests.charts.matrix import CASES, JUMPLAB, JUMPLAB_VALUES, LAB, LAB_VALUES, Plain, case_id, one, rendered

ERROR = 3


@pytest.mark.parametrize(("chart", "name", "values"), CASES, ids=case_id)
def test_helm_finds_no_fault(chart: Path, name: str, values: Plain) -> None:
    report = helm.lint(chart, values, strict=True)
    assert report["errors"] == []
    assert [message for message in report["messages"] if message["severity"] >= ERROR - 1] == []


@pytest.mark.parametrize(("chart", "name", "values"), CASES, ids=case_id)
def test_every_pod_is_confined(chart: Path, name: str, values: Plain) -> None:
    for workload in rendered(chart, values):
        if workload["kind"] not in ("Deployment", "DaemonSet"):
            continue
        pod = workload["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC"}
        assert not [volume for volume in pod["volumes"] if "hostPath" in volume]
        assert pod["automountServiceAccountToken"] is (chart is JUMPLAB)
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]


@pytest.mark.parametrize(("chart", "name", "values"), CASES, ids=case_id)
def test_what_is_selected_is_there(chart: Path, name: str, values: Plain) -> None:
    found = rendered(chart, values)
    pods = [it["spec"]["template"]["metadata"]["labels"] for it in found if "template" in it.get("spec", {})]
    labels = [*pods, *({**pod, LEADS: "true"} for pod in pods)]
    selectors = [it["spec"]["selector"] for it in found if it["kind"] == "Service"]
    selectors += [it["spec"]["podSelector"]["matchLabels"] for it in found if it["kind"] == "NetworkPolicy"]
    selectors += [it["spec"]["selector"]["matchLabels"] for it in found if it["kind"] == "PodDisruptionBudget"]
    for selector in selectors:
        assert any(selector.items() <= each.items() for each in labels)


WRONG: list[tuple[Path, Plain, str]] = [
    (JUMPLAB, {"replicaCount": 2}, "additional properties 'replicaCount' not allowed"),
    (JUMPLAB, {"replicas": 0}, "at '/replicas': minimum: got 0, want 1"),
    (JUMPLAB, {"quarantineAfter": 0}, "at '/quarantineAfter': minimum: got 0, want 1"),
    (JUMPLAB, {"endpoint": "https://lab.example.com"}, "at '/endpoint': .* does not match pattern"),
    (JUMPLAB, {"namespaces": "lab"}, "at '/namespaces': got string, want array"),
    (JUMPLAB, {"namespaces": ["Lab_1"]}, "at '/namespaces/0': 'Lab_1' does not match pattern"),
    (JUMPLAB, {"certificates": {"source": "file"}}, "at '/certificates/source': value must be one of 'operator', 'sec"),
    (JUMPLAB, {"certificates": {"source": "secret"}}, "at '/certificates/secretName': minLength: got 0, want 1"),
    (JUMPLAB, {"certificates": {"source": "cert-manager"}}, "at '/certificates/issuerRef/name': minLength"),
    (JUMPLAB, {"service": {"port": 70000}}, "at '/service/port': maximum: got 70,000, want 65,535"),
    (JUMPLAB, {"service": {"type": "ExternalName"}}, "at '/service/type': value must be one of"),
    (JUMPLAB, {"networkPolicy": {"apiServerPorts": []}}, "at '/networkPolicy/apiServerPorts': minItems"),
    (JUMPLAB, {"crds": {"keep": "yes"}}, "at '/crds/keep': got string, want boolean"),
    (LAB, {"controller": {"endpoint": ""}}, "at '/controller/endpoint': '' does not match pattern"),
    (LAB, {"clients": ["me"]}, "at '/clients': got array, want object"),
    (LAB, {"clients": {"Me!": {}}}, "invalid propertyName 'Me!'"),
    (LAB, {"clients": {"me": {"label": {}}}}, "at '/clients/me': additional properties 'label' not allowed"),
    (LAB, {"exporters": {"b": {"labels": {"n": 1}}}}, "at '/exporters/b/labels/n': got number, want string"),
    (LAB, {"accessPolicies": {"all": {}}}, "at '/accessPolicies/all': missing propert"),
    (LAB, {"labNodes": {"node-1": {}}}, "at '/labNodes/node-1': missing property 'export'"),
    (LAB, {"virtualBoards": {"b": {"export": {"p": {"kind": "x"}}}}}, "at '/virtualBoards/b/export/p': 'anyOf' failed"),
    (LAB, {"virtualBoards": {"b": {}}, "exporters": {"b": {}}}, 'the exporter "b" is named twice'),
]


@pytest.mark.parametrize(("chart", "values", "sentence"), WRONG, ids=[sentence for *_, sentence in WRONG])
def test_wrong_values_are_refused_with_their_place(chart: Path, values: Plain, sentence: str) -> None:
    with pytest.raises((helm.HelmValuesError, helm.HelmRenderError)) as refused:
        rendered(chart, values)
    assert re.search(sentence, str(refused.value)), refused.value


def test_every_value_has_a_place_in_the_schema() -> None:
    for chart in (JUMPLAB, LAB):
        with helm.Chart.load(chart) as loaded:
            assert loaded.schema is not None
            assert set(loaded.values) == set(loaded.schema["properties"]) - {"global"}


def test_the_charts_copies_of_the_definitions_are_the_definitions() -> None:
    made = {it["metadata"]["name"]: it for it in rendered(JUMPLAB, {}) if it["kind"] == "CustomResourceDefinition"}
    sources = [yaml.safe_load(file.read_text()) for file in sorted((JUMPLAB.parents[1] / "crds").glob("*.yaml"))]
    assert {name: it["spec"] for name, it in made.items()} == {it["metadata"]["name"]: it["spec"] for it in sources}
    assert {it["metadata"]["annotations"]["helm.sh/resource-policy"] for it in made.values()} == {"keep"}


def test_a_certificate_of_cert_manager_is_for_every_way_to_the_controller() -> None:
    found = rendered(JUMPLAB, JUMPLAB_VALUES["cert-manager"])
    spec = one(found, "Certificate")["spec"]
    names = ["lab", "lab.example.com", "jumplab.jumplab.svc", "jumplab.jumplab.svc.cluster.local"]
    assert sorted(spec["dnsNames"]) == sorted(names)
    assert spec["ipAddresses"] == ["10.1.2.3", "fd00::1"]
    assert spec["issuerRef"] == {"name": "letters", "kind": "ClusterIssuer", "group": "cert-manager.io"}
    (tls,) = [it for it in one(found, "Deployment")["spec"]["template"]["spec"]["volumes"] if it["name"] == "tls"]
    assert tls["secret"]["secretName"] == spec["secretName"]


def test_exporters_and_clients_are_sent_to_the_pod_that_leads_and_metrics_come_from_all() -> None:
    found = rendered(JUMPLAB, {})
    assert one(found, "Service", "jumplab")["spec"]["selector"][LEADS] == "true"
    assert LEADS not in one(found, "Service", "jumplab-metrics")["spec"]["selector"]
    assert LEADS not in one(found, "Deployment")["spec"]["template"]["metadata"]["labels"]


def test_the_operators_audit_log_goes_to_standard_output_if_it_is_asked_for() -> None:
    containers = {
        name: one(rendered(JUMPLAB, JUMPLAB_VALUES[name]), "Deployment")["spec"]["template"]["spec"]["containers"]
        for name in ("defaults", "audited")
    }
    assert "--audit-log=-" in containers["audited"][0]["args"]
    assert not [word for word in containers["defaults"][0]["args"] if "audit" in word]


def test_only_what_is_left_open_is_open() -> None:
    closed, opened = (one(rendered(JUMPLAB, JUMPLAB_VALUES[it]), "NetworkPolicy") for it in _POLICIES)
    assert closed["spec"]["ingress"] == [{"ports": [{"port": "grpc", "protocol": "TCP"}]}]
    assert {"port": 16443, "protocol": "TCP"} in opened["spec"]["egress"][0]["ports"]
    assert [rule["ports"][0]["port"] for rule in opened["spec"]["ingress"]] == ["grpc", "health"]
    assert all(rule["from"] for rule in opened["spec"]["ingress"])


_POLICIES = ("defaults", "reached from outside")


@pytest.mark.parametrize("name", ["virtual boards", "lab nodes"])
def test_the_exporters_configuration_files_are_what_exporters_read(name: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret")
    (tmp_path / "ca.crt").write_bytes(pki.make_authority(datetime.now(UTC)).certificate_pem)
    found = rendered(LAB, LAB_VALUES[name], "lab")
    files = {it["metadata"]["name"]: it["data"] for it in found if it["kind"] == "ConfigMap"}
    read: dict[str, Any] = {}
    for data in files.values():
        for text in data.values():
            (tmp_path / "exporter.yaml").write_text(text.replace("/etc/jumplab/credential", str(tmp_path)))
            loaded = exporter_config.load(tmp_path / "exporter.yaml")
            read[loaded.metadata.name] = loaded
    assert set(read) == {it["metadata"]["name"] for it in found if it["kind"] == "Exporter"}
    assert {it.token for it in read.values()} == {"secret"}


def test_a_lab_node_is_given_its_own_credential_alone() -> None:
    found = rendered(LAB, LAB_VALUES["lab nodes"], "lab")
    pod = one(found, "DaemonSet")["spec"]["template"]["spec"]
    (mount,) = [it for it in pod["containers"][0]["volumeMounts"] if it["name"] == "credentials"]
    assert mount["subPathExpr"] == "$(NODE_NAME)"
    (volume,) = [it for it in pod["volumes"] if it["name"] == "credentials"]
    for source in volume["projected"]["sources"]:
        node = source["secret"]["name"].removesuffix("-exporter")
        assert {item["path"].rpartition("/")[0] for item in source["secret"]["items"]} == {node}
