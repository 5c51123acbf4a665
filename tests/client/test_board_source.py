"""`jumplab generate board`: the class of a board, from what its exporter registered."""

import ast
import subprocess
import sys
from pathlib import Path

from jumplab.client.board_source import board_source
from jumplab.client.views import DriverView, driver_view
from jumplab.protocol.v1.common_pb2 import DriverInstanceReport, InterfaceReport
from tests.client.test_board_types import mypy

COMPOSITE = "jumplab.drivers.composite.CompositeInterface"
POWER = "jumplab.drivers.power.PowerClient"

EXPECTED = '''\
import jumplab
from acme.power import PowerClient as AcmePowerClient
from jumplab.driver import GenericClient
from jumplab.drivers.console import ConsoleClient
from jumplab.drivers.power import PowerClient


class Bench1Dut(jumplab.Board):
    """The drivers below dut of exporter bench-1."""

    power: PowerClient
    console: ConsoleClient


class Bench1(jumplab.Board):
    """The drivers of exporter bench-1."""

    dut: Bench1Dut
    usb_relay: AcmePowerClient
    # below usb_relay: 'port-1'
    lamp: GenericClient
    # '1st' can't be a field's name
    # 'class' is used already, or is a Python keyword
    # 'usb_relay' is used already, or is a Python keyword
'''


def driver(name: str, client: str = "", *children: DriverView, interfaces: tuple[str, ...] = ("acme.X",)) -> DriverView:
    return DriverView(name, client, interfaces, children)


def group(name: str, *children: DriverView) -> DriverView:
    return driver(name, "jumplab.drivers.composite.CompositeClient", *children, interfaces=(COMPOSITE,))


def formatted(source: str, folder: Path) -> bool:
    """Whether ruff has nothing to say of it: its layout, the order of its imports, and its names."""
    (folder / "board.py").write_text(source)
    ruff = Path(sys.executable).with_name("ruff")
    checks = (
        ["format", "--check", "--isolated"],
        ["check", "--isolated", "--select", "E,F,I,UP", "--ignore", "E501"],
    )
    return all(subprocess.run([ruff, *check, "board.py"], cwd=folder, check=False).returncode == 0 for check in checks)


def test_groups_are_boards_and_clients_are_imported(tmp_path: Path) -> None:
    root = group(
        "",
        group("dut", driver("power", POWER), driver("console", "jumplab.drivers.console.ConsoleClient")),
        driver("usb-relay", "acme.power.PowerClient", driver("port-1", POWER)),
        driver("lamp"),
        driver("1st", POWER),
        driver("class", POWER),
        driver("usb_relay", POWER),
    )
    assert board_source("bench-1", root) == EXPECTED
    assert formatted(EXPECTED, tmp_path)


def test_names_that_collide_are_told_apart(tmp_path: Path) -> None:
    root = group("", driver("a", POWER), group("b_c", driver("d", POWER)), group("bC", driver("d", POWER)), group("e"))
    source = board_source("power-client", root)
    assert formatted(source, tmp_path)
    assert [node.name for node in ast.parse(source).body if isinstance(node, ast.ClassDef)] == [
        "PowerClientBoardBC",
        "PowerClientBoardBCBoard",
        "PowerClientBoard",
    ]
    assert "class Board7(jumplab.Board)" in board_source("7", root)


def test_long_imports_are_broken_as_ruff_does(tmp_path: Path) -> None:
    names = [f"acme.laboratory.instruments.Oscilloscope{letter}Client" for letter in "ABCD"]
    source = board_source("bench-1", group("", *(driver(f"scope{at}", name) for at, name in enumerate(names))))
    assert "instruments import (\n" in source
    assert formatted(source, tmp_path)


def test_nothing_that_an_exporter_says_becomes_code(tmp_path: Path) -> None:
    hostile = (
        "os.system('x')",
        "os; import x",
        "x",
        "a.b\nimport x",
        "acme.import.Client",
        "äcme.Client",
        ".a.b",
        "a..b",
    )
    children = [driver(f"n{at}", client) for at, client in enumerate(hostile)]
    children += [driver("a\nimport os"), driver('"""'), driver("a: int; import os #"), driver("__init__"), driver("é")]
    children.append(driver("below", POWER, driver("a\nimport os")))
    source = board_source("bench-1", group("", *children))
    assert formatted(source, tmp_path)
    imports = [ast.unparse(node) for node in ast.parse(source).body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert imports == [
        "import jumplab",
        "from jumplab.driver import GenericClient",
        "from jumplab.drivers.power import PowerClient",
    ]
    board = ast.parse(source).body[-1]
    assert isinstance(board, ast.ClassDef)
    assert all(isinstance(node, ast.AnnAssign) for node in board.body[1:])


def test_a_driver_without_any_fields_around_it_is_still_a_class(tmp_path: Path) -> None:
    source = board_source("bench-1", group(""))
    assert formatted(source, tmp_path)
    (tmp_path / "sample.py").write_text(source)
    assert mypy(tmp_path / "sample.py") == []


def test_the_tree_is_read_whatever_was_reported() -> None:
    def report(uuid: str, name: str, parent: str | None = None) -> DriverInstanceReport:
        labels = {"jumpstarter.dev/name": name, "jumpstarter.dev/client": POWER}
        interfaces = [InterfaceReport(name="x.Y", version=2)]
        return DriverInstanceReport(uuid=uuid, parent_uuid=parent, labels=labels, interfaces=interfaces)

    child = DriverView("power", POWER, ("x.Y",), ())
    reports = [report("u2", "power", "u1"), report("u1", ""), report("u3", "lost", "u9"), report("u4", "own", "u4")]
    assert driver_view(reports) == DriverView("", POWER, ("x.Y",), (child,))
    assert driver_view([report("u1", ""), report("u1", "again", "u1")]) is None
    assert driver_view([]) is None
