"""Label and field selectors, what a list is asked for, table requests and the paths of columns: read, or refused."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from jumplab.protocol import label_selectors
from jumplab.protocol.label_selectors import UnreadableSelector, parse_label_selector
from jumplab_operator.controller.refusals import BadRequest
from jumplab_operator.controller.selectors import parse_selector
from jumplab_operator.standalone.base.errors import RequestRefused
from jumplab_operator.standalone.http import presentation, queries, selectors
from jumplab_operator.standalone.kubectl import jsonpath
from jumplab_operator.standalone.objects.built_in import EVENTS
from tests.fuzz import FUZZED
from tests.fuzz.refusals import check_refusal, check_words
from tests.fuzz.values import OBJECTS, VALUES

WORDS = st.sampled_from(
    ["a", "board", "x-1", "example.com/a", "in", "notin", "(", ")", ",", "!", "=", "==", "!=", ">", "<", " ", "1", "-1",
     "\t", "\u00b2", "\u0663", "a" * 64, "9" * 63, "/", "a/", "=a"]
)  # fmt: skip
TEXTS = st.one_of(
    st.lists(WORDS, max_size=12).map("".join), st.lists(WORDS, max_size=12).map(" ".join), st.text(max_size=30)
)
LABELS = st.dictionaries(st.sampled_from(["a", "board", "x-1", "example.com/a"]), st.sampled_from(["", "a", "1", "x"]))


@FUZZED
@given(TEXTS, LABELS)
def test_a_label_selector_selects_or_is_refused(text: str, labels: dict[str, str]) -> None:
    selected(text, labels)


def selected(text: str, labels: dict[str, str]) -> None:
    """Each of the parsers says what the others say."""
    try:
        asked = parse_label_selector(text)
    except UnreadableSelector as error:
        check_words(str(error), error.plain)
        asked = None
    try:
        admits = selectors.label_selector(text)
        assert asked is not None
        assert admits is None or isinstance(admits(labels), bool)
        assert (admits is None) == (not asked)
    except RequestRefused as refusal:
        assert asked is None
        check_refusal(refusal)
    try:
        parse_selector(text)
        assert asked is not None
    except BadRequest as refusal:
        assert asked is None or any(each.operator not in label_selectors.SELECTING for each in asked)
        check_words(str(refusal))


FIELDS = st.sampled_from(["metadata.name", "metadata.namespace", "reason", "involvedObject.name", "x", "", "a.b.c"])
FIELD_TEXTS = st.one_of(
    st.lists(
        st.tuples(
            FIELDS, st.sampled_from(["=", "==", "!=", " = ", "!", ""]), st.sampled_from(["", "a", "a=b", "\x00"])
        ),
        max_size=4,
    ).map(lambda parts: ",".join("".join(part) for part in parts)),
    TEXTS,
)


@FUZZED
@given(FIELD_TEXTS, OBJECTS)
def test_a_field_selector_selects_or_is_refused(text: str, obj: dict[str, Any]) -> None:
    selectors.single_name(text)
    try:
        admits = selectors.field_selector(text, EVENTS)
    except RequestRefused as refusal:
        check_refusal(refusal)
        return
    assert admits is None or isinstance(admits(obj), bool)


@FUZZED
@given(
    st.one_of(st.text(max_size=25), st.integers().map(str), st.sampled_from(["\u00b2", "9" * 5000, "-0", "+1", "1_0"]))
)
def test_a_number_of_a_query_is_read_or_refused(text: str) -> None:
    try:
        number = queries.whole_number({"limit": text}, "limit")
    except RequestRefused as refusal:
        check_refusal(refusal)
    else:
        assert number == int(text or "0") >= 0


ACCEPTS = st.one_of(
    st.lists(
        st.sampled_from(
            ["application/json", "*/*", ";as=Table", ";v=v1", ";g=meta.k8s.io", ",", ";", "=", "as=", "text/plain",
             ";as=PartialObjectMetadata", ";v=v9", " "]
        ),
        max_size=8,
    ).map("".join),
    st.text(max_size=40),
)  # fmt: skip


@FUZZED
@given(ACCEPTS)
def test_what_a_request_accepts_is_known_or_refused(accept: str) -> None:
    try:
        assert presentation._shape(accept) in ("", "Table", "Metadata")
    except RequestRefused as refusal:
        check_refusal(refusal)


STEPS = st.sampled_from(
    [".a", ".b", "['a','b']", "['a']", '["b"]', "[0]", "[-1]", "[*]", ".*", "[?(@.a==\"x\")]", "[?(@.a>1)]", "[?(@.b)]",
     "[?(", "..", "[", "\\.", "$", "[99999999999999999999]", "[?(@.a=='x' && @.b)]", "[1:2]"]
)  # fmt: skip
PATHS = st.one_of(st.lists(STEPS, max_size=6).map("".join), st.text(max_size=20))


@FUZZED
@given(PATHS, VALUES)
def test_the_path_of_a_column_leads_somewhere_or_nowhere(path: str, value: Any) -> None:
    assert isinstance(jsonpath.find(path, value), list)
