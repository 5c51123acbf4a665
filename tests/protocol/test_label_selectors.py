"""A selector that can't be read is told in plain words, with what stands where, and what is expected there."""

import pytest

from jumplab.protocol.label_selectors import ALL_OPERATORS, selector_problem

LIKE_THIS = "write it as for kubectl -l: board=x,rev in (1,2)"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("board in (a", "a comma or ) is missing at the end"),
        ("board in", "a list in parentheses is missing at the end"),
        ("board in a", '"a" stands where a list in parentheses is expected'),
        ("board=demo,,", """"," stands where a label's key is expected"""),
        ("board=demo,", "a label's key is missing at the end"),
        ("=demo", """"=" stands where a label's key is expected"""),
        ("!", "a label's key is missing at the end"),
        ("board===x", """"=" stands where a label's value is expected"""),
        ("board demo", '"demo" stands where =, !=, in or notin is expected'),
        ("board=demo rev=2", '"rev" stands where a comma is expected'),
        ("-x=1", """"-x" can't be a label's key"""),
        ("board=-x", """"-x" can't be a label's value"""),
        ("rev>x", "> and < compare with a whole number"),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(text: str, what: str) -> None:
    assert selector_problem(text) == f'{what}, in the selector "{text}"; {LIKE_THIS}'


def test_an_operator_is_refused_where_nothing_is_selected_by_it() -> None:
    assert selector_problem("rev>2") == '">" can\'t be used to select exporters and leases; compare with = or in'
    assert selector_problem("rev>2", ALL_OPERATORS) is None


def test_a_selector_that_is_too_long_is_not_quoted() -> None:
    assert selector_problem("x" * 9000) == (
        "the selector has 9000 characters, the limit is 8192; use a shorter selector"
    )


@pytest.mark.parametrize("text", ["", " ", "board=x", "board==x,!broken", "board==", "example.com/rack in (a,b,)"])
def test_what_kubectl_takes_is_taken(text: str) -> None:
    assert selector_problem(text) is None
