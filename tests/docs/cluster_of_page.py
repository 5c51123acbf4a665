"""A page's commands for a cluster: `helm install` by Helm's own library, on a real kube-apiserver."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from tests.charts.cluster import Cluster
from tests.charts.on_chart import OnChart
from tests.docs.pages import Block


def helm_install(step: Block, cluster: Cluster, folder: Path) -> OnChart:
    """Does what `helm install jumplab …/charts/jumplab` of a block does, and starts the operator of its Deployment."""
    words = shlex.split(step.text.replace("\\\n", " "))
    assert words[:3] == ["helm", "install", "jumplab"], step.place
    assert words[3].endswith("charts/jumplab"), step.place
    assert words[4] == "-n", step.place
    options = [word for word in words[6:] if word != "--create-namespace"]
    assert options[::2] == ["--set"] * (len(options) // 2), step.place
    installed = OnChart(cluster, folder, namespace=words[5])
    installed.install(values_of(options[1::2]))
    return installed


def values_of(settings: list[str]) -> dict[str, Any]:
    """The values of `--set a.b=c`."""
    values: dict[str, Any] = {}
    for each in settings:
        path, _, value = each.partition("=")
        *parents, last = path.split(".")
        place = values
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return values
