"""Tests of one worker share a lab, where a name is had by one resource at a time."""

import re
from collections import Counter
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1] / "lab"


@pytest.mark.parametrize("kind", ["exporter", "lease", "client"])
def test_two_files_make_nothing_of_the_same_name(kind: str) -> None:
    made = [
        name
        for file in sorted(TESTS.glob("test_*.py"))
        for name in set(re.findall(rf'\blab\.{kind}\(\s*"([^"]+)"', file.read_text()))
    ]
    assert len(made) > 5
    assert [name for name, files in Counter(made).items() if files > 1] == []
