"""The charts, and values that between them take every branch of their templates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import helm_python as helm
import yaml

ROOT = Path(__file__).parents[2]
JUMPLAB, LAB = ROOT / "charts" / "jumplab", ROOT / "charts" / "jumplab-lab"
Plain = dict[str, Any]

_PLACING: Plain = {
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "lab", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
}
_PEER: Plain = {"ipBlock": {"cidr": "10.0.0.0/8"}}

JUMPLAB_VALUES: dict[str, Plain] = {
    "defaults": {},
    "audited": {"auditLog": True},
    "json-logs": {"logFormat": "json"},
    "named namespaces": {"namespaces": ["lab-a", "lab-b"]},
    "its own namespace": {"namespaces": ["jumplab"]},
    "a secret's certificate": {"certificates": {"source": "secret", "secretName": "lab-tls"}},
    "a public certificate": {"certificates": {"source": "secret", "secretName": "lab-tls", "ca": False}},
    "cert-manager": {
        "endpoint": "lab.example.com:443",
        "certificates": {
            "source": "cert-manager",
            "issuerRef": {"name": "letters", "kind": "ClusterIssuer"},
            "names": ["10.1.2.3", "fd00::1", "lab"],
        },
    },
    "reached from outside": {
        "endpoint": "[fd00::1]:30744",
        "service": {"type": "NodePort", "port": 443, "nodePort": 30744, "annotations": {"a": "b"}},
        "networkPolicy": {"from": [_PEER], "metricsFrom": [_PEER], "apiServerPorts": [16443]},
    },
    "as little as can be": {
        "serviceAccount": {"create": False, "name": "default"},
        "rbac": {"create": False},
        "networkPolicy": {"enabled": False},
        "podDisruptionBudget": {"enabled": False},
        "crds": {"install": False},
        "replicas": 1,
    },
    "placed": {
        "image": {"repository": "registry.example/operator", "tag": "2", "pullPolicy": "Always"},
        "imagePullSecrets": [{"name": "registry"}],
        "serviceAccount": {"name": "lab-operator", "annotations": {"a": "b"}},
        "resources": {"limits": {"cpu": 1}},
        "podAnnotations": {"a": "b"},
        "podLabels": {"team": "lab"},
        "priorityClassName": "system-cluster-critical",
        **_PLACING,
    },
}

_BOARD: Plain = {"export": {"power": {"type": "power/virtual"}}}
_POLICY: Plain = {
    "exporterSelector": {"matchLabels": {"board": "demo"}},
    "policies": [{"priority": 5, "from": [{"clientSelector": {"matchLabels": {"team": "kernel"}}}]}],
}
LAB_VALUES: dict[str, Plain] = {
    "nothing": {},
    "people and hosts": {
        "clients": {"me": {}, "ci": {"labels": {"team": "kernel"}, "username": "ci@example.com"}},
        "exporters": {"bench-1": {"labels": {"board": "demo"}, "enabled": False, "username": "b"}, "bench-2": {}},
        "accessPolicies": {"kernel": _POLICY},
        "keep": True,
    },
    "virtual boards": {
        "controller": {"endpoint": "[fd00::1]:7444", "ca": False},
        "virtualBoards": {"demo": {}, "told": {"description": 'A "demo"', "motd": "Hello: you", "labels": {"a": "1"}}},
        "pods": {"imagePullSecrets": [{"name": "registry"}], "image": {"tag": "2"}, **_PLACING},
        "networkPolicy": {"enabled": False},
    },
    "lab nodes": {
        "labNodes": {"node-1.example": _BOARD, "node-2": {**_BOARD, "hooks": {"beforeLease": {"script": "true"}}}},
        "pods": {
            "supplementalGroups": [20],
            "labNodeResources": {"limits": {"example.com/serial": 1}},
            "labNodeTolerations": [{"operator": "Exists"}],
        },
    },
}

CASES = [
    *((JUMPLAB, name, values) for name, values in JUMPLAB_VALUES.items()),
    *((LAB, name, values) for name, values in LAB_VALUES.items()),
]


def case_id(part: object) -> str:
    return part.name if isinstance(part, Path) else part if isinstance(part, str) else ""


def rendered(chart: Path, values: Plain, namespace: str = "jumplab") -> list[Plain]:
    """The objects of a chart, for the newest cluster that Helm knows."""
    with helm.Chart.load(chart) as loaded:
        texts = loaded.render(values, name=release_of(chart), namespace=namespace)
    return objects("\n---\n".join(text for name, text in texts.items() if not name.endswith("NOTES.txt")))


def release_of(chart: Path) -> str:
    return "jumplab" if chart is JUMPLAB else "lab"


def objects(text: str) -> list[Plain]:
    """The documents of a manifest that hold something."""
    return [document for document in yaml.safe_load_all(text) if document]


def one(found: list[Plain], kind: str, name: str = "") -> Plain:
    """The only object of a kind (and name)."""
    (only,) = [it for it in found if it["kind"] == kind and name in ("", it["metadata"]["name"])]
    return only
