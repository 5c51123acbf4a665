"""What an example is: shell commands, Python, YAML, another file, or what a program prints."""

from __future__ import annotations

import ast
import re

import yaml

from tests.docs.pages import Block

_PROGRAMS = (
    *("cat", "cp", "curl", "docker", "echo", "eval", "export", "git", "helm", "install", "j", "jumplab"),
    *("jumplab-exporter", "jumplab-operator", "kubectl", "make", "pip", "pytest", "python", "python3", "rm", "scp"),
    *("systemctl", "uv"),
)
_SHELL = re.compile(rf"(?:[A-Z_]+=\S+ |\$ )?(?:{'|'.join(_PROGRAMS)})(?: |$)|[a-z_]+=\$\(|\. ")
_PYTHON = re.compile(r"import |from |class |def |for |with |async |@|\w+(\.\w+)+\(|\w+ = ")


def kind_of(block: Block) -> str:
    """sh, python, yaml, ini, dockerfile or text; empty where the block is none of them for sure."""
    if block.language:
        return block.language
    first = next(line for line in block.text.splitlines() if line.strip())
    if _SHELL.match(first):
        return "sh"
    if first.startswith("["):
        return "ini"
    if first.startswith("FROM "):
        return "dockerfile"
    if _PYTHON.match(first.lstrip("# ").strip()) or first.endswith(".py"):
        return "python" if is_python(block.text) else ""
    return "yaml" if is_yaml(block.text) else ""


def is_python(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def is_yaml(text: str) -> bool:
    """Whether it is a mapping whose keys are words."""
    try:
        read = yaml.safe_load(text)
    except yaml.YAMLError:
        return False
    return isinstance(read, dict) and all(re.fullmatch(r"[\w-]+", str(key)) for key in read)
