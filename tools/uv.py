"""uv as pip is set up on this machine: `python -m tools.uv ARGUMENTS`. Standard library alone.

uv knows nothing of pip's settings, and trusts certificates of its own: behind a company's proxy or package index, pip
would work and uv would not. Here it gets pip's index, its wheel folders and its certificates, unless uv's own
variables name others; and the system's certificates, where the system has some.
"""

import ast
import os
import ssl
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_LINKS = (
    ("index-url", "UV_DEFAULT_INDEX", ("UV_DEFAULT_INDEX", "UV_INDEX_URL"), " "),
    ("extra-index-url", "UV_INDEX", ("UV_INDEX", "UV_EXTRA_INDEX_URL"), " "),
    ("find-links", "UV_FIND_LINKS", ("UV_FIND_LINKS",), ","),
    ("trusted-host", "UV_INSECURE_HOST", ("UV_INSECURE_HOST",), " "),
    ("cert", "SSL_CERT_FILE", ("SSL_CERT_FILE",), " "),
)
"""A setting of pip, uv's variable for it, the variables that make it void, and what stands between several values."""
_SECTIONS = ("global", "install", ":env:")
"""Where pip reads a setting of `pip install`; the last one that has it counts."""
_TRUSTSTORE = (24, 2)
"""The version of pip that began to trust the system's certificates by itself."""


def main() -> None:
    python, arguments = Path(sys.executable), sys.argv[1:]
    settings = pip_settings(python)
    environment = {**os.environ, **settings_for_uv(settings, os.environ)}
    uv = str(python.with_name("uv"))
    os.execve(uv, [uv, *arguments, *(options_for_uv(settings) if arguments[:1] == ["pip"] else ())], environment)


def pip_settings(python: Path) -> dict[str, str]:
    """What pip's files and variables say of `pip install`, by the names of its options; lists with spaces between.

    Exits where pip can't read them.
    """
    listing: list[str | Path] = [python, "-m", "pip", "config", "list", "--disable-pip-version-check"]
    said = subprocess.run(listing, check=False, text=True, stdout=subprocess.PIPE)
    if said.returncode:
        sys.exit(f"pip in {python.parent} can't read its settings; see what it says above")
    by_section: dict[str, dict[str, str]] = {}
    for key, _, value in (line.partition("=") for line in said.stdout.splitlines()):
        section, _, name = key.rpartition(".")
        by_section.setdefault(section, {})[name] = " ".join(str(ast.literal_eval(value)).split())
    settings: dict[str, str] = {}
    for section in _SECTIONS:
        settings |= by_section.get(section, {})
    return settings


def settings_for_uv(pip: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that give uv these settings of pip; what the environment says to uv itself stays."""
    found: dict[str, str] = {}
    for name, variable, void_by, between in _LINKS:
        if pip.get(name) and not any(environment.get(each) for each in void_by):
            found[variable] = between.join(pip[name].split())
    if "UV_INDEX" in found and not environment.get("UV_INDEX_STRATEGY"):
        found["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # as pip does: the best version of all indexes
    if not environment.get("UV_SYSTEM_CERTS") and system_certificates():
        found["UV_SYSTEM_CERTS"] = "1"
    return found


def options_for_uv(pip: Mapping[str, str]) -> list[str]:
    """The options that give `uv pip install` what it has no variable for."""
    return ["--no-index"] if pip.get("no-index", "").lower() in ("1", "true", "yes", "on", "y", "t") else []


def settings_for_pip(version: str, pip: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """What makes a pip of this version trust the system's certificates; nothing where it does or was told others."""
    number = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    told = pip.get("cert") or environment.get("REQUESTS_CA_BUNDLE") or environment.get("CURL_CA_BUNDLE")
    if number >= _TRUSTSTORE or told or not (certificates := system_certificates()):
        return {}
    return {"PIP_CERT": certificates}


def system_certificates() -> str:
    """The file or folder of the certificates that this system trusts; empty where there is none."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile:
        return paths.cafile
    return paths.capath if paths.capath and any(Path(paths.capath).iterdir()) else ""


if __name__ == "__main__":
    main()
