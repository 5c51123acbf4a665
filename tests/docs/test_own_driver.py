"""docs/drivers/own.md: each block of the page is used, and works as it is printed."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from aiohttp import web

from jumplab.client.config import ClientConfig
from jumplab.drivers.power import PowerInterface
from jumplab_exporter.driver_factory import driver_class
from tests.cli.user import Outcome, User
from tests.docs.pages import block, blocks

PAGE = "docs/drivers/own.md"
WRITE, TEST, RELAY, ENTRY_POINT, ALLOW, NEWER, TRY = (
    block(PAGE, begin)
    for begin in (
        "jumplab driver new", "cd acme-oven", "from datetime import timedelta", "[project.entry-points",
        "drivers: {allow", "class AcmeOvenInterfaceV2", "export PYTHONPATH",
    )
)  # fmt: skip
FILES = {each.partition("\n")[0].removeprefix("# "): each for each in blocks(PAGE) if each.startswith("# ")}


def run(folder: Path, script: str, **more: str) -> Outcome:
    environment = User(folder).environment | {"PYTHONDONTWRITEBYTECODE": "1"} | more
    done = subprocess.run(
        ["bash", "-e", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the page's first command writes, with the page's files in it."""
    desk = tmp_path_factory.mktemp("desk")
    written = run(desk, WRITE)
    assert (written.status, written.out) == (0, "acme-oven\nacme-relay\n"), written
    tested = run(desk, TEST)
    assert tested.status == 0, tested
    for name, text in FILES.items():
        (desk / "acme-oven" / name).write_text(text)
    return desk / "acme-oven"


def test_no_block_is_left_out() -> None:
    used = {WRITE, TEST, RELAY, ENTRY_POINT, ALLOW, NEWER, TRY, *FILES.values()}
    assert not [each for each in blocks(PAGE) if each not in used]
    assert len(FILES) == 6


def test_the_tests_of_the_page_pass(package: Path) -> None:
    tested = run(package, "python -m pytest -q -p no:xdist")
    assert tested.status == 0, tested
    assert "3 passed" in tested.out


def test_its_code_is_typed_and_clean(package: Path) -> None:
    interface = package / "src" / "acme_oven" / "interface.py"
    text = interface.read_text()
    interface.write_text(f"{text}\n\n{NEWER}")
    try:
        checked = run(package, "mypy src tests && ruff check --ignore E501,I001,SIM117")
    finally:
        interface.write_text(text)
    assert checked.status == 0, checked.out


def test_it_is_tried_as_the_page_says(package: Path) -> None:
    tried = run(package, TRY)
    assert tried.status == 0, tried.err
    check, _, headings, row, begun, *rest = tried.out.splitlines()
    assert check == "oven: AcmeOven"
    assert (headings.split()[0], row.split()[:2]) == ("driver", ["oven", "yes"])
    assert begun == "{"
    assert rest[-2:] == ["2 steps", "1"]
    listed = run(package, "jumplab shell --exporter-config bench.yaml -- j", PYTHONPATH="src")
    assert listed.out.split() == ["oven", "load-file", "bake", "count", "watch", "load", "is-cold"]


def test_the_entry_point_is_what_was_written(package: Path) -> None:
    assert ENTRY_POINT in (package / "pyproject.toml").read_text()


def test_a_client_configuration_takes_what_the_page_allows() -> None:
    connection = {"endpoint": "lab.example:7444", "token": "any", "metadata": {"namespace": "lab", "name": "me"}}
    config = ClientConfig.model_validate({**connection, **yaml.safe_load(ALLOW)})
    assert list(config.drivers.allow) == ["acme_oven"]


def test_the_newer_interface_is_the_same_one_in_version_2(tmp_path: Path) -> None:
    (tmp_path / "acme_oven.py").write_text(f"{FILES['src/acme_oven/interface.py']}\n\n{NEWER}")
    ask = "from acme_oven import *; from jumplab.driver.interface import *; V2 = AcmeOvenInterfaceV2"
    said = run(tmp_path, f"python -c '{ask}; print(name_of(V2), version_of(V2), name_of(AcmeOvenInterface))'")
    assert said.out == "acme_oven.AcmeOvenInterface 2 acme_oven.AcmeOvenInterface\n", said


async def test_the_relay_of_the_page_switches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "relays_of_the_page.py").write_text(RELAY)
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


MISTAKES = """
from jumplab.driver import Driver
from acme_oven.interface import AcmeOvenInterface
from acme_oven.driver import AcmeOven

class Bare(Driver): ...
class Unfinished(AcmeOvenInterface, Driver): ...
class Careless(AcmeOven):
    def __init__(self, **configuration): ...
class Other(AcmeOven):
    async def bake(self, degrees): ...
"""


def test_the_page_quotes_mistakes_as_they_are_told(package: Path) -> None:
    """The sentences of its table, up to what depends on the driver."""
    (package / "src" / "mistakes.py").write_text(MISTAKES)
    entries = {
        "bare": {"type": "mistakes.Bare"}, "unfinished": {"type": "mistakes.Unfinished"},
        "careless": {"type": "mistakes.Careless"}, "other": {"type": "mistakes.Other", "config": {"counter": "x"}},
        "hot": {"type": "acme_oven.driver.AcmeOven", "config": {"counter": "x", "maximum": "hot"}},
    }  # fmt: skip
    bench = yaml.safe_load(FILES["bench.yaml"]) | {"export": entries}
    (package / "mistakes.yaml").write_text(yaml.safe_dump(bench))
    checked = run(package, "jumplab-exporter check mistakes.yaml", PYTHONPATH="src")
    assert checked.status == 2
    for sentence in (
        "names no interface, and only an interface's methods can be called; write class",
        "__init__ does not call Driver's; write super().__init__(**configuration)",
        "does not take celsius and wants degrees, unlike AcmeOvenInterface.bake;",
        'maximum: must be a number, not "hot"; its settings are:',
    ):
        assert sentence in checked.out
        assert sentence in (Path(__file__).parents[2] / PAGE).read_text()
    assert "lacks bake, count, load, watch of its interface; write each into the class" in checked.out
