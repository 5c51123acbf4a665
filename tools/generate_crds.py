"""Generates crds/ from the operator's typed resources. Run by `make generate`; `make verify` checks for drift."""

from pathlib import Path

import yaml

from jumplab_operator.resources import schema

TARGET = Path(__file__).resolve().parent.parent / "crds"
HEADER = "# Generated from jumplab_operator.resources by `make generate`; change the models there.\n"


def rendered() -> dict[str, str]:
    """The text of each file of crds/, by its name."""
    return {
        name: HEADER + yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True, width=110)
        for name, manifest in schema.manifests().items()
    }


def main() -> None:
    TARGET.mkdir(exist_ok=True)
    texts = rendered()
    for stale in {path.name for path in TARGET.glob("*.yaml")} - texts.keys():
        (TARGET / stale).unlink()
    for name, text in texts.items():
        (TARGET / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
