"""Generates the JSON schema of exporters' files. Run by `make generate`; `make verify` checks for drift."""

from pathlib import Path

from jumplab_exporter.schema.document import own_kinds, schema_text

TARGET = Path(__file__).resolve().parent.parent / "docs" / "schemas" / "exporter-config.json"


def main() -> None:
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(schema_text(own_kinds()), encoding="utf-8")


if __name__ == "__main__":
    main()
