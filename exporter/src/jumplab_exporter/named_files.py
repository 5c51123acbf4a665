"""The files that a configuration file names in place of what is in them: `tokenFile` and `tls.caFile`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jumplab.yaml_documents import reading_problem
from jumplab_exporter.errors import ConfigurationError


def named_files(document: Mapping[str, Any], path: Path) -> list[Path]:
    """Those that the document, which was read from `path`, names."""
    tls = document.get("tls")
    named = [document.get("tokenFile"), tls.get("caFile") if isinstance(tls, Mapping) else None]
    return [path.parent / str(each) for each in named if each]


def with_files_read(document: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The document with `token` and `tls.ca` in place of `tokenFile` and `tls.caFile`. Raises ConfigurationError."""
    read = _file_read(document, "token", path, "token")
    if isinstance(read.get("tls"), Mapping):
        read["tls"] = _file_read(read["tls"], "ca", path, "tls.ca")
    return read


def _file_read(part: Mapping[str, Any], key: str, path: Path, path_prefix: str) -> dict[str, Any]:
    """A file's content in place of its name, which is relative to the configuration file."""
    read = dict(part)
    if f"{key}File" not in read:
        return read
    if read.get(key):
        raise ConfigurationError(f"{path}: `{path_prefix}` and `{path_prefix}File` exclude each other; remove one")
    file = path.parent / str(read.pop(f"{key}File"))
    try:
        content = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{path}: `{path_prefix}File` {file} can't be read: {reading_problem(error)}"
        ) from error
    if not content:
        raise ConfigurationError(f"{path}: `{path_prefix}File` {file} is empty; write the {key} into it")
    return {**read, key: content}
