"""Where a run of pytest has its board from, and what becomes of tests where there is none."""

from __future__ import annotations

import pytest

from jumplab.protocol.client_v1 import client_pb2
from tests.client.lab_double import become_ready, config_for, set_condition
from tests.testing.conftest import Project

TYPED = """
import jumplab
from jumplab.drivers.console import AsyncConsoleClient, ConsoleClient
from jumplab.drivers.power import AsyncPowerClient, PowerClient
from jumplab.drivers.storage import StorageClient


class Virtual(jumplab.Board):
    power: PowerClient
    console: ConsoleClient


class Bench(jumplab.Board):
    board: Virtual
    usb_power: PowerClient


class Other(jumplab.Board):
    camera: StorageClient


class AsyncBench(jumplab.AsyncBoard):
    usb_power: AsyncPowerClient
"""

TWO = """
def test_one(board, lease):
    assert board.usb_power.is_on() is False
    assert (lease.name, lease.exporter) == ("nightly", "bench-1")
    assert lease.end.tzinfo is not None

def test_two(board):
    board.usb_power.on()
"""


def noting(project: Project) -> list[client_pb2.Lease]:
    """The leases that are asked for from here on; each is ready at once."""
    asked: list[client_pb2.Lease] = []

    def place(lease: client_pb2.Lease) -> None:
        asked.append(lease)
        become_ready(lease)

    project.bench.lab.place = place
    return asked


async def test_one_lease_serves_the_whole_run_and_is_released(project: Project) -> None:
    ran = await project.pytest(TWO, "--jumplab-lease", "board=x", "--jumplab-name", "nightly")
    assert "2 passed" in ran.out, ran
    assert project.bench.lab.calls["CreateLease"] == 1
    assert project.bench.lab.released == ["nightly"]


@pytest.mark.parametrize(("scope", "leases"), [("function", 2), ("module", 1)])
async def test_the_scope_says_how_long_a_board_is_held(project: Project, scope: str, leases: int) -> None:
    text = "def test_one(board): pass\ndef test_two(board): pass\n"
    ran = await project.pytest(text, "--jumplab-lease=board=x", f"--jumplab-scope={scope}")
    assert "2 passed" in ran.out, ran
    assert project.bench.lab.calls["CreateLease"] == leases
    assert len(project.bench.lab.released) == leases


async def test_the_lease_is_what_the_options_say(project: Project) -> None:
    text = "def test_it(lease): print(lease.client)\n"
    options = ["--jumplab-exporter=bench-1", "--jumplab-duration=90m", "--jumplab-client=ci", "--jumplab-wait=1h"]
    options += ["--jumplab-tag=build=1234", "--jumplab-tag=branch=main"]
    asked = noting(project)
    ran = await project.pytest(text, *options)
    assert "1 passed" in ran.out, ran
    assert [(lease.exporter_name, lease.duration.seconds) for lease in asked] == [("bench-1", 5400)]
    assert dict(asked[0].tags) == {"build": "1234", "branch": "main"}


@pytest.mark.parametrize("program", ["shell", "run"])
async def test_in_a_leased_shell_its_lease_is_used(project: Project, program: str) -> None:
    text = "def test_it(board, lease):\n    board.usb_power.on()\n    assert lease.name == 'shell'\n"
    project.write("test_it.py", text)
    command = ["pytest", "-c", str(project.ini), "--jumplab-lease=board=x", str(project.folder / "test_it.py")]
    options = ["--results", str(project.folder / "results")] if program == "run" else []
    ran = await project.user.run("jumplab", program, "-l", "board=x", "--name", "shell", *options, "--", *command)
    assert "1 passed" in ran.out, ran
    assert project.bench.lab.calls["CreateLease"] == 1
    assert project.bench.lab.released == ["shell"]


async def test_a_leased_shell_of_another_client_passes_it_on(project: Project) -> None:
    wrong = config_for(project.bench.port, project.bench.authority).model_copy(update={"token": "wrong"})
    project.user.configure(wrong, "mine")
    project.write("test_it.py", "def test_it(board, lease): assert lease.client in ('', 'ci')\n")
    command = ["pytest", "-c", str(project.ini), str(project.folder / "test_it.py")]
    ran = await project.user.run("jumplab", "shell", "--client", "ci", "-l", "board=x", "--", *command)
    assert "1 passed" in ran.out, ran


async def test_a_lease_that_ends_meanwhile_ends_the_run(project: Project) -> None:
    text = """
        import jumplab, pytest

        def test_one(board):
            with pytest.raises(jumplab.DriverError):
                board.end.on()
                board.usb_power.is_on()

        def test_two(board): pass
        def test_three(board): pass
    """
    ran = await project.pytest(text, "--jumplab-lease=board=x", "--jumplab-name=mine")
    assert ran.status == 1, ran
    assert "1 passed, 1 error" in ran.out, ran
    assert "expired" in ran.out
    assert "Traceback" not in ran.out


async def test_a_leased_shell_with_another_board_than_asked_for_fails_the_run_once(project: Project) -> None:
    project.write("test_it.py", "def test_one(board): pass\ndef test_two(board): pass\n")
    command = ["pytest", "-c", str(project.ini), "--jumplab-lease=board=y", str(project.folder / "test_it.py")]
    ran = await project.user.run("jumplab", "shell", "-l", "board=x", "--name", "shell", "--", *command)
    assert ran.status == 1
    assert "1 error" in ran.out
    assert 'exporter "bench-1" does not match board=y' in ran.out


async def test_without_a_board_asked_for_tests_that_want_one_are_skipped_with_the_reason(project: Project) -> None:
    text = "def test_one(board): pass\ndef test_two(lease): pass\ndef test_three(): pass\n"
    ran = await project.pytest(text, "-rs")
    assert ran.status == 0
    assert "1 passed, 2 skipped" in ran.out
    assert "no board: name one with --jumplab-lease SELECTOR" in ran.out


@pytest.mark.parametrize("scope", ["session", "module", "function"])
async def test_a_board_that_can_t_be_had_fails_the_run_once(project: Project, scope: str) -> None:
    project.bench.lab.place = lambda lease: set_condition(
        lease, "Unsatisfiable", "True", "NoMatch", "no exporter matches board=none"
    )
    text = "def test_one(board): pass\ndef test_two(board): pass\ndef test_three(lease): pass\n"
    options = ["--jumplab-lease=board=none", "--jumplab-name=mine", f"--jumplab-scope={scope}"]
    ran = await project.pytest(text, *options)
    assert ran.status == 1, ran
    assert "1 error" in ran.out
    assert "skipped" not in ran.out
    assert 'lease "mine" can\'t be satisfied: no exporter matches board=none' in ran.out
    assert "Traceback" not in ran.out
    assert "held_boards.py" not in ran.out
    assert project.bench.lab.released == ["mine"]


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--jumplab-duration=soon", '"soon"'),
        ("--jumplab-client=nobody", "nobody"),
        ("--jumplab-board=test_it:Missing", "the board's class \"test_it:Missing\" can't be imported"),
        ("--jumplab-member=dut", '"dut" is not a member'),
        ("--jumplab-tag=build", '"build" is no tag'),
        ("--jumplab-tag=-=x", '"-"'),
    ],
)
async def test_a_wrong_option_is_a_sentence(project: Project, option: str, said: str) -> None:
    text = "def test_one(board): pass\ndef test_two(board): pass\n"
    ran = await project.pytest(text, "--jumplab-lease=board=x", option)
    assert ran.status != 0
    assert said in ran.out + ran.err, ran
    assert ran.status == 4 or "1 error in" in ran.out
    assert "asked_boards.py" not in ran.out + ran.err
    assert "Traceback" not in ran.out + ran.err
    assert "INTERNALERROR" not in ran.out + ran.err


async def test_a_typed_board_is_named_by_ini_option_and_marker(project: Project) -> None:
    project.write("typed.py", TYPED)
    project.set_up("jumplab_board = typed:Bench")
    text = """
        import pytest
        from typed import Bench, Virtual
        import jumplab

        class Marked(jumplab.Board):
            board: Virtual

        def test_ini(board):
            assert type(board) is Bench
            assert board.usb_power.is_on() is False

        @pytest.mark.board("board=x", Marked)
        def test_marker(board):
            assert type(board) is Marked
            board.board.power.on()
    """
    ran = await project.pytest(text, "--jumplab-lease=board=x")
    assert "2 passed" in ran.out, ran
    assert project.bench.lab.calls["CreateLease"] == 1
    option = "--jumplab-board=typed:Virtual"
    ran = await project.pytest("def test_it(board): pass", "--jumplab-lease=board=x", option)
    assert 'exporter "bench-1" does not fit board Virtual: "power" is missing' in ran.out, ran
    assert "1 error" in ran.out


async def test_a_marker_skips_a_test_that_wants_another_board(project: Project) -> None:
    text = """
        import pytest

        @pytest.mark.board("board=x")
        def test_mine(board): pass

        @pytest.mark.board("board=y")
        def test_other(board): assert False

        @pytest.mark.board(exporters={"dut": "board=x"})
        def test_gang(board): assert False

        @pytest.mark.board("@bench-1")
        def test_named(board): pass
    """
    ran = await project.pytest(text, "--jumplab-lease=board=x", "-rs")
    assert "2 passed, 2 skipped" in ran.out, ran
    assert "the run's board is not the test's: exporter \"bench-1\" does not match board=y" in ran.out
    assert project.bench.lab.calls["CreateLease"] == 1


async def test_a_marker_chooses_the_board_of_a_run_that_names_none(project: Project) -> None:
    asked = noting(project)
    text = """
        import pytest

        @pytest.mark.board("board=x")
        def test_one(board): pass

        @pytest.mark.board("board=x")
        def test_two(board, lease): pass

        @pytest.mark.board("board=x,rev=")
        def test_three(lease): pass
    """
    project.bench.lab.exporters["bench-1"].labels["rev"] = ""
    ran = await project.pytest(text, "-v")
    assert "3 passed" in ran.out, ran
    assert "::test_one PASSED" in ran.out
    assert [lease.selector for lease in asked] == ["board=x", "board=x,rev="]


GANG = """
import pytest

def test_two(board, lease):
    board.peer.usb_power.on()
    board.dut.board.power.cycle(off_seconds=0)
    board.dut.board.console.expect("stop autoboot", 240)
    assert lease.exporters == {"dut": "bench-1", "peer": "bench-1"}

@pytest.mark.board("board=x")
def test_one_board_alone(board): assert False

@pytest.mark.board(exporters={"peer": "board=x"})
def test_one_of_them(board): pass

@pytest.mark.board(exporters={"peer": "board=y"})
def test_another(board): assert False
"""


@pytest.mark.parametrize("by", ["setting", "options", "marker"])
async def test_several_boards_are_one_lease(project: Project, by: str) -> None:
    def place(lease: client_pb2.Lease) -> None:
        become_ready(lease)
        for member in lease.members:
            member.exporter = "namespaces/lab/exporters/bench-1"

    project.bench.lab.place = place
    text, options = GANG, []
    if by == "setting":
        project.set_up("jumplab_exporters =", "  dut=board=x", "  peer=@bench-1")
    elif by == "options":
        options = ["--jumplab-member=dut=board=x", "--jumplab-member=peer=@bench-1"]
    else:
        marker = 'pytestmark = pytest.mark.board(exporters={"dut": "board=x", "peer": "@bench-1"})'
        text = GANG.partition("@pytest")[0].replace("import pytest\n", f"import pytest\n\n{marker}\n")
    ran = await project.pytest(text, *options)
    assert ("1 passed in" if by == "marker" else "2 passed, 2 skipped") in ran.out, ran
    assert project.bench.lab.calls["CreateLease"] == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("5", "the selector is 5, not a string"),
        ("exporters={'dut': 5}", "and not strings by name"),
        ("'board=x', exporters={'dut': 'board=x'}", "exclude each other"),
        ("bord='x'", "unexpected keyword argument 'bord'"),
    ],
)
async def test_a_wrong_marker_is_a_sentence(project: Project, arguments: str, said: str) -> None:
    ran = await project.pytest(f"import pytest\n\n@pytest.mark.board({arguments})\ndef test_one(board): pass\n")
    assert ran.status != 0
    assert "test_one: its marker `board` is wrong" in ran.out + ran.err, ran
    assert said in ran.out + ran.err, ran
    assert "INTERNALERROR" not in ran.out + ran.err


@pytest.mark.parametrize("mode", ["strict", "auto"])
async def test_an_async_board_is_in_the_test_s_own_loop(project: Project, mode: str) -> None:
    project.write("typed.py", TYPED)
    project.set_up("jumplab_board =", "  typed:Bench", "  typed:AsyncBench")
    text = """
        import pytest
        from typed import AsyncBench, Bench

        @pytest.mark.asyncio
        async def test_one(async_board, board):
            assert type(async_board) is AsyncBench
            assert type(board) is Bench
            await async_board.usb_power.on()
            assert board.usb_power.is_on()

        @pytest.mark.asyncio(loop_scope="module")
        async def test_two(async_board):
            assert await async_board.usb_power.is_on()
    """
    ran = await project.pytest(text, "--jumplab-lease=board=x", "-p", "no:anyio", f"--asyncio-mode={mode}")
    assert "2 passed" in ran.out, ran
    assert project.bench.lab.calls["CreateLease"] == 1


async def test_an_async_board_works_with_anyio(project: Project) -> None:
    text = """
        import pytest

        pytestmark = pytest.mark.anyio

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        async def test_one(async_board):
            await async_board.usb_power.on()
            await async_board.board.power.cycle(off_seconds=0)
            await async_board.board.console.expect("stop autoboot", 240)
    """
    for without in ((), ("-p", "no:asyncio")):
        ran = await project.pytest(text, "--jumplab-lease=board=x", *without)
        assert "1 passed" in ran.out, ran


async def test_without_a_plugin_for_asyncio_an_async_board_says_which_to_install(project: Project) -> None:
    text = "def test_one(async_board): pass\n"
    ran = await project.pytest(text, "--jumplab-lease=board=x", "-p", "no:asyncio", "-p", "no:anyio")
    assert "async_board needs pytest-asyncio 0.26 or later, or anyio" in ran.out, ran


async def test_loading_the_plugin_imports_nothing_that_takes_time(project: Project) -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import jumplab.testing.plugin; "
        "print(*sorted(set(sys.modules) - before))"
    )
    ran = await project.user.run("python", "-c", code)
    assert ran.out.split() == [
        "jumplab",
        "jumplab.testing",
        "jumplab.testing.asked_boards",
        "jumplab.testing.plugin",
        "jumplab.testing.short_tracebacks",
    ]


async def test_a_board_is_had_however_a_test_asks_for_it(project: Project) -> None:
    text = """
        import unittest
        import pytest

        @pytest.mark.usefixtures("board")
        def test_used(): pass

        def test_asked(request):
            request.getfixturevalue("board").usb_power.on()

        class TestGroup:
            @pytest.fixture(autouse=True)
            def on(self, board):
                board.usb_power.on()

            @pytest.mark.parametrize("number", [1, 2])
            def test_it(self, board, number):
                assert board.usb_power.is_on()

        @pytest.mark.usefixtures("board")
        class TestOld(unittest.TestCase):
            def test_it(self): pass

        @pytest.fixture(scope="session")
        def switched(board):
            board.usb_power.on()
            return board.usb_power

        @pytest.mark.board("board=y")
        def test_other(switched): assert False
    """
    ran = await project.pytest(text, "--jumplab-lease=board=x", "--jumplab-power-off")
    assert "5 passed, 1 skipped" in ran.out, ran
    assert project.bench.lab.calls["CreateLease"] == 1


async def test_each_worker_of_xdist_has_a_lease_of_its_own(project: Project) -> None:
    text = "import pytest\n\n@pytest.mark.parametrize('n', range(8))\ndef test_it(board, n): board.usb_power.on()\n"
    ran = await project.pytest(text, "--jumplab-lease=board=x", "--jumplab-name=mine", "-n2", "--dist=each")
    assert "16 passed" in ran.out, ran
    assert sorted(project.bench.lab.released) == ["mine-gw0", "mine-gw1"]
