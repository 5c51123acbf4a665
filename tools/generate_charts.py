"""Copies the custom resource definitions into the chart. Run by `make generate`; `make verify` checks for drift."""

from pathlib import Path

from tools import generate_crds

TARGET = generate_crds.TARGET.parent / "charts" / "jumplab" / "files" / "crds"


def main(target: Path = TARGET) -> None:
    target.mkdir(parents=True, exist_ok=True)
    texts = generate_crds.rendered()
    for stale in {path.name for path in target.glob("*.yaml")} - texts.keys():
        (target / stale).unlink()
    for name, text in texts.items():
        (target / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
