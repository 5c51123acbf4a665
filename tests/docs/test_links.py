"""Each link of a page leads to a file that is there, and to a heading that it has; each page can be found."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import ROOT, pages

_LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as they are made for it on the web."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower().replace("`", "")).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("page", pages())
def test_the_links_of_a_page_lead_somewhere(page: str) -> None:
    here = ROOT / page
    wrong = []
    for path, anchor in _LINK.findall(here.read_text()):
        target = (here.parent / path).resolve() if path else here
        if not target.exists():
            wrong.append(f"there is no {path}")
        elif anchor and anchor not in anchors(target.read_text()):
            wrong.append(f"{path or page} has no heading #{anchor}")
    assert not wrong


def test_each_page_is_in_the_index() -> None:
    """From the README, or from the index of its folder."""
    indexes = {"README.md": "", "docs/drivers/index.md": "docs/drivers/", "docs/decisions/README.md": "docs/decisions/"}
    linked = {
        f"{folder}{path}" for index, folder in indexes.items() for path, _ in _LINK.findall((ROOT / index).read_text())
    }
    assert sorted(set(pages()) - linked - {"README.md", "docs/decisions/README.md"}) == []
