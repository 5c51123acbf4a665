"""Exporters' configuration files without a controller, as tests write them."""

from pathlib import Path
from typing import Any

import yaml

EXPORT = {"power": {"type": "power/virtual"}, "board": {"type": "board/virtual"}}


def written(folder: Path, **changes: Any) -> Path:
    """A file without endpoint, token and name, with these further keys."""
    path = folder / "bench.yaml"
    head = {"apiVersion": "jumpstarter.dev/v1alpha1", "kind": "ExporterConfig", "export": EXPORT}
    path.write_text(yaml.safe_dump(head | changes))
    return path
