"""Generates jumplab.protocol's code from client/proto. Run by `make generate`; `make verify` checks for drift."""

import re
import shutil
import sys
from importlib.metadata import files as installed_files
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "client" / "proto"
TARGET = ROOT / "client" / "src" / "jumplab" / "protocol"
PACKAGES = {"jumplab/v1": "v1", "jumplab/client/v1": "client_v1"}


def generate(into: Path) -> None:
    """Writes messages, services and their type stubs below `into`, laid out as the proto packages are."""
    well_known = next(file.locate() for file in installed_files("grpcio-tools") or [] if file.name == "empty.proto")
    include = Path(str(well_known)).parents[2]
    sources = sorted(str(path) for path in SOURCES.rglob("*.proto"))
    arguments = [f"-I{SOURCES}", f"-I{include}", f"--python_out={into}", f"--mypy_out={into}"]
    services = [f"--grpc_python_out={into}", f"--mypy_grpc_out={into}"]
    if protoc.main(["protoc", *arguments, *sources]) or protoc.main(["protoc", *arguments[:2], *services, *sources]):
        sys.exit("protoc failed; its message stands above")


def rehomed(text: str) -> str:
    """The generated text with imports of our packages pointed at where they live in jumplab.protocol.

    gRPC itself comes from `grpc_loading`, whichever module loads it first.
    """
    for package, home in PACKAGES.items():
        dotted = re.escape(package.replace("/", "."))
        text = re.sub(rf"\bfrom {dotted} import", f"from jumplab.protocol.{home} import", text)
        text = re.sub(rf"\b{dotted}\.(\w+_pb2(?:_grpc)?)\b", rf"jumplab.protocol.{home}.\1", text)
    return re.sub(r"^import grpc$", "from jumplab.protocol.grpc_loading import grpc", text, flags=re.MULTILINE)


def main() -> None:
    staging = ROOT / "build" / "protocol"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    generate(staging)
    for package, home in PACKAGES.items():
        folder = TARGET / home
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "__init__.py").write_text(f'"""Generated from client/proto/{package} by `make generate`."""\n')
        for source in sorted((staging / package).glob("*_pb2*")):
            has_services = "_grpc" not in source.name or "Stub" in source.read_text()
            if has_services:
                (folder / source.name).write_text(rehomed(source.read_text()))


if __name__ == "__main__":
    main()
