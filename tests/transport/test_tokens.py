"""Tokens that are presented, and those that are the same."""

import pytest

from jumplab.transport.tokens import presented_token, same_token


@pytest.mark.parametrize("header", ["Bearer abc", "bearer abc", "BEARER  abc", "Bearer abc "])
def test_a_token_is_what_follows_the_word(header: str) -> None:
    assert presented_token(header) == "abc"


NO_TOKENS = ["", "Bearer", "Bearer ", "Bearer \t ", "abc", "Basic abc", "Bearer a b", "Bearer a\tb"]


@pytest.mark.parametrize("header", NO_TOKENS)
def test_what_is_no_single_word_is_no_token(header: str) -> None:
    assert presented_token(header) == ""


def test_tokens_are_the_same_as_text_and_as_bytes() -> None:
    assert same_token("abc", "abc")
    assert same_token(b"abc", "abc")
    assert same_token("abc", b"abc")
    assert same_token("ü\udcff", "ü\udcff")


@pytest.mark.parametrize("presented", ["", "ab", "abcd", "abC", "ab\udcff", "äbc"])
def test_others_are_not(presented: str) -> None:
    assert not same_token("abc", presented)


@pytest.mark.parametrize("presented", ["", b"", "abc"])
def test_an_empty_token_is_not_even_itself(presented: str | bytes) -> None:
    assert not same_token("", presented)
    assert not same_token(b"", presented)
