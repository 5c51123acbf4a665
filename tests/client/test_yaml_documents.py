"""YAML that people write: what is refused, where it stands, and what goes on to work."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from jumplab.yaml_documents import YamlDocument, YamlRefused, read_document
from jumplab_operator.errors import NoKubeAccess
from jumplab_operator.kube.access import find

MERGED = """\
base: &base {type: x, config: {a: 1, b: 2}}
one:
  <<: *base
  type: y
two:
  <<: [*base, {further: true}]
three: *base
"""


def refusal(text: str) -> str:
    with pytest.raises(YamlRefused) as refused:
        read_document(text)
    return str(refused.value)


def test_merges_and_anchors_work() -> None:
    content = read_document(MERGED).content
    assert content["one"] == {"type": "y", "config": {"a": 1, "b": 2}}
    assert content["two"] == {"type": "x", "config": {"a": 1, "b": 2}, "further": True}
    assert content["three"] == content["base"]


def test_lines_are_found_through_merges_and_lists() -> None:
    document = read_document("a:\n  - x\n  - {b: 1,\n     c: 2}\n")
    assert document.line_of(("a",)) == 1
    assert document.line_of(("a", 1, "c")) == 4
    assert document.line_of(("a", 1, "nothing", "more")) == 3
    assert read_document(MERGED).line_of(("one", "type")) == 4
    assert read_document(MERGED).line_of(("one", "config")) == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: 1\nb: 2\na: 3\n", "the key a is written twice, in lines 1 and 3; remove one of them"),
        ("a:\n  b: {c: 1, c: 2}\n", "the key a.b.c is written twice, in lines 2 and 2"),
        ("a:\n  - {c: 1}\n  - {c: 1,\n     c: 2}\n", "the key a[1].c is written twice, in lines 3 and 4"),
        ("a: 1\n'a': 2\n", "the key a is written twice, in lines 1 and 2"),
        ("a: {off: 1, no: 2}\n", "the keys off (line 1) and a.no (line 1) are the same to YAML; write them in quotes"),
        ("a: {1: x, 0x1: y}\n", "the keys 1 (line 1) and a.0x1 (line 1) are the same to YAML"),
        ("x: &x {a: 1, a: 2}\ny: *x\nz: *x\n", "the key x.a is written twice"),
        ("a: [\n", "is not YAML: "),
        ("a: b: c\n", "is not YAML: mapping values are not allowed here (line 1)"),
        ("a: \x01\n", "is not YAML: "),
        ("a: &a [*a]\n", "has an anchor that contains itself (line 1)"),
        ("a: *nothing\n", "is not YAML: found undefined alias"),
        ("day: 2026-99-99\n", '"2026-99-99" is not a valid timestamp; write it in quotes if it is text (line 1)'),
        ("a: !!python/object:os.system x\n", "could not determine a constructor"),
        ("{[a]: b}\n", "is not YAML: found unhashable key (line 1)"),
        ("[" * 5000, "is nested too deeply"),
        ("kind: A\n---\nkind: B\nmetadata: {name: x}\n", 'holds 2 documents: A (line 1), B "x" (line 3); keep one'),
    ],
)
def test_what_is_refused_is_named(text: str, sentence: str) -> None:
    assert sentence in refusal(text)


def test_all_keys_that_are_there_twice_are_told_at_once() -> None:
    assert refusal("a: 1\na: 2\nb: {c: 1, c: 2}\n").count("is written twice") == 2


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "a: 1\n---\n", "---\na: 1\n...\n---\n# the end\n"])
def test_empty_documents_are_none(text: str) -> None:
    assert read_document(text).content in (None, {"a": 1})


def test_many_aliases_of_aliases_take_no_time() -> None:
    lines = ["a0: &a0 {x: 1}"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
    assert len(read_document("\n".join(lines)).content) == 60


ODD = """\
%YAML 1.1
---
"ü": &anchor [1, 0x10, 1_000, off, ~, 2026-11-30, 1.5e3, "\\u263a"]
text: |
  first

  second
folded: >-
  one
  two
? question
: *anchor
next: "a\u2028b"
tagged: !!str 5
merged: {<<: {a: 1}, b: 2}
...
"""


@pytest.mark.parametrize("text", [MERGED, ODD, ODD.replace("\n", "\r\n"), "\ufeff" + ODD.partition("---\n")[2]])
def test_a_document_is_the_same_without_libyaml(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = read_document(text)
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    slow = read_document(text)
    assert fast.content == slow.content
    assert [*lines_of(fast)] == [*lines_of(slow)]


def lines_of(document: YamlDocument) -> Iterator[tuple[int, str]]:
    """The line of each key at the top, and how its value is written."""
    for key in document.content:
        yield document.line_of((key,)), document.written((key,))


def test_a_good_document_is_parsed_by_libyaml_where_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    if not yaml.__with_libyaml__:
        pytest.skip("PyYAML was built without libyaml")
    monkeypatch.setattr(yaml.scanner.Scanner, "fetch_more_tokens", None)
    assert read_document(MERGED).content["one"]["type"] == "y"


@pytest.mark.parametrize("piece", ["[", "{a: ", "- "])
def test_nesting_of_any_depth_is_refused(piece: str) -> None:
    assert refusal(piece * 100_000) == "is nested too deeply"


def test_half_a_character_is_refused() -> None:
    assert "unacceptable character #xd800" in refusal("a: \ud800\n")


def test_the_operator_refuses_a_kubeconfig_with_a_key_twice(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text("clusters: []\ncurrent-context: a\ncurrent-context: b\n")
    with pytest.raises(NoKubeAccess, match="current-context is written twice, in lines 2 and 3"):
        find(file, {})
