"""Configuration files of clients and exporters, and kubeconfigs: read, or refused in a sentence that names the file."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from jumplab.client.config import parse_config, read_yaml
from jumplab.client.errors import ConfigurationError as ClientFault
from jumplab.yaml_documents import YamlRefused, read_document
from jumplab_exporter.config import load, load_local
from jumplab_exporter.errors import ConfigurationError as ExporterFault
from jumplab_operator.errors import OperatorError
from jumplab_operator.kube import access
from tests.fuzz import FUZZED
from tests.fuzz.refusals import check_words
from tests.fuzz.values import OBJECTS, VALUES

CLIENT = {
    "apiVersion": "jumpstarter.dev/v1alpha1", "kind": "ClientConfig", "metadata": {"namespace": "lab", "name": "ci"},
    "endpoint": "lab:7444", "token": "t", "tls": {"ca": "", "insecure": False}, "drivers": {"allow": ["acme"]},
    "leases": {"dial_timeout": 30},
}  # fmt: skip
EXPORTER = {
    "apiVersion": "jumpstarter.dev/v1alpha1", "kind": "ExporterConfig", "metadata": {"namespace": "lab", "name": "b"},
    "endpoint": "lab:7444", "token": "t", "tls": {"ca": ""}, "consoleLogs": {"keep": "7d"},
    "export": {"board": {"type": "board/virtual"}, "power": {"type": "power/http", "config": {"url": "http://a"}}},
    "hooks": {"beforeLease": {"script": "true", "timeout": 9}},
}  # fmt: skip
KUBECONFIG = {
    "current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u", "namespace": "n"}}],
    "clusters": [{"name": "k", "cluster": {"server": "https://lab:1", "certificate-authority-data": "eA=="}}],
    "users": [{"name": "u", "user": {"token": "t"}}],
}  # fmt: skip
TEXTS = st.sampled_from(
    ["off", "0x1", "1_0", "2026-99-99", "12:30:45", "!!binary x", "!!python/object:os.system x", "*a", "&a [*a]", "? x",
     "|", "<<: {a: 1}", "{a: 1, a: 2}", "[" * 2000, "\t", "- -", "---\na: 1\n---\nb: 2", ".inf", "\x00", "~",
     "'", "0o9"]
)  # fmt: skip


@st.composite
def files(draw: st.DrawFn, whole: dict[str, Any]) -> bytes:
    """An honest file's text with one value replaced, or with something in the middle of its text; or anything."""
    content, way = whole, draw(st.sampled_from(["value", "text", "bytes", "other", "noise"]))
    if way == "value":
        content = _with(content, draw(st.integers(0, 30)), draw(VALUES))
    if way == "other":
        content = draw(OBJECTS)
    text = bytearray(yaml.safe_dump(content, allow_unicode=True).encode(errors="replace"))
    at = draw(st.integers(0, len(text)))
    if way == "text":
        text[at:at] = draw(TEXTS).encode()
    if way == "bytes":
        text[at : at + 1] = draw(st.binary(max_size=3))
    return draw(st.binary(max_size=60)) if way == "noise" else bytes(text)


def _with(content: Any, number: int, value: Any) -> Any:
    """The content with a value in place of one of its values, counted from the first key on."""
    places = list(_places(content))
    *above, last = places[number % len(places)]
    made = yaml.safe_load(yaml.safe_dump(content))
    inner = made
    for step in above:
        inner = inner[step]
    inner[last] = value
    return made


def _places(value: Any, before: tuple[Any, ...] = ()) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in items:
        yield (*before, key)
        yield from _places(child, (*before, key))


READ: dict[str, tuple[dict[str, Any], Callable[[Path], object]]] = {
    "client": (CLIENT, lambda file: parse_config(read_yaml(file), str(file))),
    "exporter": (EXPORTER, lambda file: load(file, {})),
    "exporter without a controller": (EXPORTER, load_local),
    "kubeconfig": (KUBECONFIG, access.find),
}


@pytest.mark.parametrize("kind", READ)
def test_a_file_is_read_or_refused_with_its_name(kind: str) -> None:
    whole, _ = READ[kind]

    @FUZZED
    @given(files(whole))
    def try_one(content: bytes) -> None:
        read_file(kind, content)

    read_file(kind, yaml.safe_dump(whole).encode())
    try_one()


def read_file(kind: str, content: bytes) -> None:
    """Reads a file of this content."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "file.yaml"
        file.write_bytes(content)
        try:
            READ[kind][1](file)
        except (ClientFault, ExporterFault, OperatorError) as error:
            assert str(file) in str(error)  # noqa: PT017
            check_words(str(error))


@FUZZED
@given(st.one_of(st.text(max_size=60), st.lists(TEXTS, max_size=4).map("\n".join)))
def test_a_text_is_yaml_or_it_is_told_why_not(text: str) -> None:
    try:
        document = read_document(text)
    except YamlRefused as error:
        check_words(str(error))
    else:
        assert document.line_of(["a", 0, None]) >= 1
