"""Selectors are read as kubectl's -l reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jumplab_operator.controller.refusals import BadRequest
from jumplab_operator.controller.selectors import parse_selector
from jumplab_operator.leasing.selectors import describe, matches

LABELS = {"board": "x", "rev": "2", "example.com/site": "hq", "empty": ""}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "board=x",
        "board==x",
        "board = x , rev=2",
        "board!=y",
        "nothing!=y",
        "rev in (1, 2)",
        "rev notin (1,3)",
        "nothing notin (1)",
        "board",
        "!nothing",
        "! nothing",
        "example.com/site=hq",
        "empty=",
        "board=x,rev in (1,2),!nothing",
        "rev in (2)",
    ],
)
def test_a_selector_that_matches(text: str) -> None:
    assert matches(parse_selector(text), LABELS)


@pytest.mark.parametrize(
    "text",
    ["board=y", "board!=x", "rev in (1)", "rev notin (2)", "!board", "nothing", "board=x,board=y", "rev=2,rev!=2"],
)
def test_a_selector_that_does_not_match(text: str) -> None:
    assert not matches(parse_selector(text), LABELS)


@pytest.mark.parametrize(
    "text", ["a b", "=x", "a in", "a in 1", "a in (1", "a=b=c", ",", "a=x,,b", "a=ü", "a=b!", "-a=b"]
)
def test_a_selector_that_can_not_be_read(text: str) -> None:
    with pytest.raises(BadRequest):
        parse_selector(text)


_WORD = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,5}[a-z0-9])?", fullmatch=True)
_REQUIREMENT = st.one_of(
    st.builds("{}={}".format, _WORD, _WORD),
    st.builds("{} in ({},{})".format, _WORD, _WORD, _WORD),
    st.builds("{} notin ({})".format, _WORD, _WORD),
    _WORD,
    st.builds("!{}".format, _WORD),
)


@given(st.lists(_REQUIREMENT, max_size=4).map(",".join), st.dictionaries(_WORD, _WORD, max_size=4))
def test_a_selector_means_the_same_after_it_was_written_and_read_again(text: str, labels: dict[str, str]) -> None:
    selector = parse_selector(text)
    assert matches(parse_selector(describe(selector)), labels) == matches(selector, labels)
