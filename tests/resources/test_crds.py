"""The CRDs, on real servers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.kube.servers import KubeApi
from tools import generate_crds

CRDS = Path(__file__).parents[2] / "crds"
MANIFESTS = Path(__file__).parent / "manifests"


def kubectl(api: KubeApi, *arguments: str | Path, text: str = "") -> subprocess.CompletedProcess[str]:
    command = ["kubectl", "--kubeconfig", str(api.kubeconfig), *map(str, arguments)]
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=240, check=False)


@pytest.fixture(scope="module")
def with_crds(kube_api: KubeApi) -> KubeApi:
    applied = kubectl(kube_api, "apply", "-f", CRDS)
    assert applied.returncode == 0, applied.stderr
    names = [f"crd/{path.stem.partition('_')[2]}.jumpstarter.dev" for path in CRDS.glob("*.yaml")]
    waited = kubectl(kube_api, "wait", "--for=condition=Established", "--timeout=240s", *names)
    assert waited.returncode == 0, waited.stderr
    return kube_api


def test_the_files_are_what_the_models_say() -> None:
    texts = {path.name: path.read_text() for path in CRDS.glob("*.yaml")}
    assert texts == generate_crds.rendered(), "run make generate"


@pytest.mark.needs("kubectl")
def test_manifests_as_they_exist_apply(with_crds: KubeApi) -> None:
    applied = kubectl(with_crds, "apply", "-f", MANIFESTS / "existing.yaml")
    assert applied.returncode == 0, applied.stderr
    for short in ("exp", "jcl", "jl", "eap"):
        listed = kubectl(with_crds, "get", short, "-o", "name")
        assert listed.stdout.strip(), f"{short}: {listed.stderr}"
    assert "leases.jumpstarter.dev" in kubectl(with_crds, "get", "jumpstarter", "-o", "name").stdout.replace(
        "lease.jumpstarter.dev", "leases.jumpstarter.dev"
    )


@pytest.mark.needs("kubectl")
def test_columns_tell_the_state_of_a_lease(with_crds: KubeApi) -> None:
    kubectl(with_crds, "apply", "-f", MANIFESTS / "existing.yaml")
    header = kubectl(with_crds, "get", "jl").stdout.splitlines()[0].split()
    assert header == ["NAME", "STATE", "EXPORTER", "CLIENT", "BEGIN", "END"]


@pytest.mark.needs("kubectl")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("duration", '"soon"'),
        ("tags", "{" + ", ".join(f'k{n}: "v"' for n in range(11)) + "}"),
        ("context", f'{{key: "{"v" * 65}"}}'),
        ("whenUnsatisfiable", "Perhaps"),
        ("beginTime", '"tomorrow"'),
    ],
)
def test_a_manifest_that_the_schema_refuses_is_told_the_field(with_crds: KubeApi, field: str, value: str) -> None:
    manifest = f"""
apiVersion: jumpstarter.dev/v1alpha1
kind: Lease
metadata: {{name: refused}}
spec: {{clientRef: {{name: ci}}, {field}: {value}}}
"""
    applied = kubectl(with_crds, "create", "-f", "-", text=manifest)
    assert applied.returncode == 1
    assert f"spec.{field}" in applied.stderr
