"""docs/upgrades.md: the sentence that it quotes is the one that a user reads, and what it names is there."""

from __future__ import annotations

import re
from typing import ClassVar

import pytest
import yaml

from jumplab.driver import AsyncDriverClient, Driver, DriverInterface, errors
from tests.docs.pages import ROOT, blocks
from tests.session.links import attached, hosted

PAGE = "docs/upgrades.md"


class GaugeInterface(DriverInterface):
    """What the client knows."""


class AsyncGaugeClient(AsyncDriverClient, GaugeInterface):
    """An older client."""


class GaugeInterfaceV3(DriverInterface):
    """What the exporter offers."""

    client: ClassVar[str] = f"{__name__}.AsyncGaugeClient"


class Gauge(GaugeInterfaceV3, Driver):
    """A newer driver."""


async def test_the_sentence_of_the_page_is_what_a_user_reads() -> None:
    (sentence,) = blocks(PAGE)
    async with hosted(gauge=Gauge()) as host:
        with pytest.raises(errors.InterfaceMismatch) as refused:
            async with attached(host):
                pass
    assert str(refused.value).replace(__name__, "acme") == sentence.strip()


def test_what_the_page_names_is_there() -> None:
    text = (ROOT / PAGE).read_text()
    values = yaml.safe_load((ROOT / "charts/jumplab/values.yaml").read_text())
    assert "`crds.install`" in text
    assert "install" in values["crds"]
    for page, anchor in re.findall(r"\]\(([^)#]+\.md)#?([^)]*)\)", text):
        target = (ROOT / "docs" / page).read_text()
        headings = {
            line.lstrip("# ").lower().replace(" ", "-").strip() for line in target.splitlines() if line[:1] == "#"
        }
        assert not anchor or anchor in {re.sub(r"[^a-z0-9-]", "", heading) for heading in headings}, (page, anchor)
