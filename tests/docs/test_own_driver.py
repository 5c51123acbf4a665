"""docs/drivers/own.md: the driver of the page works as it is printed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web

from jumplab.drivers.power import PowerInterface
from jumplab_exporter.driver_factory import driver_class
from tests.docs.pages import block


async def test_the_relay_of_the_page_switches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "relays_of_the_page.py").write_text(block("docs/drivers/own.md", "from datetime import timedelta"))
    monkeypatch.syspath_prepend(tmp_path)
    driver = driver_class("relays_of_the_page.HttpRelay")
    asked: list[str] = []

    async def take(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response()

    app = web.Application()
    app.router.add_post("/{any:.*}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        relay = driver(url=f"http://{host}:{port}/relay/1/", timeout="1m30s")
        assert isinstance(relay, PowerInterface)
        await relay.on()
        await relay.off()
    finally:
        await runner.cleanup()
    assert asked == ["/relay/1/on", "/relay/1/off"]
    assert vars(relay)["timeout"] == timedelta(seconds=90)
