"""Carries the version and the licence to where they are needed. Run by `make generate`; `make verify` checks for drift.

The one place of Jumplab's version is client/pyproject.toml: the three distributions, the charts and the images have the
same. Each distribution has its own copy of the licence, for a source distribution holds no file from above its folder.
"""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VERSIONED = {
    "exporter/pyproject.toml": (r'(?m)(?<=^version = ")[^"]+', r"(?<=\"jumplab==)[^\"]+"),
    "operator/pyproject.toml": (r'(?m)(?<=^version = ")[^"]+', r"(?<=\"jumplab==)[^\"]+"),
    "charts/jumplab/Chart.yaml": (r"(?m)(?<=^version: ).+", r"(?m)(?<=^appVersion: ).+"),
    "charts/jumplab-lab/Chart.yaml": (r"(?m)(?<=^version: ).+", r"(?m)(?<=^appVersion: ).+"),
    "Dockerfile": (r"(?<=-t jumplab-)(?P<image>\w+:)\S+",),
    "README.md": (
        r"(?<=\./)(?P<image>jumplab-)\d[^-]*(?=-py3)",
        r"(?<=registry.example/jumplab-)(?P<image>\w+:)\d\S*",
    ),
    "docs/install.md": (r"(?<=build/dist/)(?P<image>jumplab\w*-)\d[^-]*(?=-py3)",),
    "docs/cluster.md": (r"(?<=registry.example/jumplab-)(?P<image>\w+:)\d\S*",),
}
"""What in each file is the version."""
DISTRIBUTIONS = ("client", "exporter", "operator")


def version() -> str:
    """Jumplab's version."""
    project = tomllib.loads((ROOT / "client" / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def rendered() -> dict[Path, str]:
    """The text of each file that has the version or is the licence, by its path from the root."""
    found: dict[Path, str] = {}
    for name, patterns in VERSIONED.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        for pattern in patterns:
            text = re.sub(pattern, lambda match: (match.groupdict().get("image") or "") + version(), text)
        found[Path(name)] = text
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    return found | {Path(folder, "LICENSE"): licence for folder in DISTRIBUTIONS}


def main() -> None:
    for path, text in rendered().items():
        (ROOT / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
