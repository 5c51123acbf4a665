"""Selectors are read as kubectl's -l reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jumplab_operator.controller.refusals import BadRequest
from jumplab_operator.controller.selectors import parse_selector
from jumplab_operator.leasing.model.selectors import describe, matches, selector_problem
from jumplab_operator.resources import LabelSelector, Requirement
from jumplab_operator.standalone.base.errors import RequestRefused
from jumplab_operator.standalone.http.selectors import field_selector, label_selector
from jumplab_operator.standalone.objects.built_in import SECRETS

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


@pytest.mark.parametrize("piece", [",", "a,", " ", "a=b,", "(", "a in (", "!", "a in (b),", "=", "\u2003"])
def test_a_text_without_end_is_refused_unread(piece: str) -> None:
    text = piece * (150_000 // len(piece))
    with pytest.raises(BadRequest, match=r"the selector has \d+ characters, the limit is 8192; use a shorter selector"):
        parse_selector(text)
    with pytest.raises(RequestRefused, match=r"the selector has \d+ characters, the limit is 8192"):
        label_selector(text)
    with pytest.raises(RequestRefused, match=r"the selector has \d+ characters, the limit is 8192"):
        field_selector(text, SECRETS)


def test_a_selector_has_so_many_requirements_and_values() -> None:
    many = ",".join(f"!k{number}" for number in range(65))
    with pytest.raises(BadRequest, match="more than 64 requirements; select by fewer labels"):
        parse_selector(many)
    with pytest.raises(RequestRefused, match="more than 64 requirements"):
        label_selector(many)
    with pytest.raises(RequestRefused, match="more than 64 requirements"):
        field_selector(",".join(["metadata.name!=a"] * 65), SECRETS)
    assert matches(parse_selector(many.removesuffix(",!k64")), LABELS)
    values = ",".join(f"v{number}" for number in range(1_001))
    with pytest.raises(BadRequest, match="a requirement has 1001 values, the limit is 1000; name fewer"):
        parse_selector(f"rev notin ({values})")
    assert matches(parse_selector(f"rev notin ({values.removesuffix(',v1000')})"), LABELS)


@pytest.mark.parametrize("text", ["rev>1", "rev<3"])
def test_an_order_is_no_way_to_select_an_exporter(text: str) -> None:
    with pytest.raises(BadRequest, match="can't be used to select exporters and leases; compare with = or in"):
        parse_selector(text)


ODD = [
    ("In", [], False),
    ("NotIn", [], False),
    ("Exists", ["x"], False),
    ("DoesNotExist", ["x"], False),
    ("Gt", ["1"], False),
    ("In", ["1", "2"], True),
    ("NotIn", ["1"], True),
]


@pytest.mark.parametrize(("operator", "values", "holds"), ODD)
def test_what_a_requirement_lacks_makes_it_match_nothing(operator: str, values: list[str], holds: bool) -> None:
    for key in ("rev",) if holds else ("rev", "nothing"):
        requirement = Requirement(key=key, operator=operator, values=values)
        selector = LabelSelector(match_expressions=[requirement])
        assert matches(selector, LABELS) is holds
        assert (selector_problem(selector) is None) is holds


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
