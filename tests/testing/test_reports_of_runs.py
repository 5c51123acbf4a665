"""What a run of pytest with a board shows and writes: consoles, properties, tracebacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from jumplab.testing.console_records import log_name
from tests.testing.conftest import Project

LEASED = "--jumplab-lease=board=x"

FAILING = """
import pytest

def log_in(console):
    console.expect("login:", timeout=0.2)

@pytest.fixture
def booted(board):
    board.board.power.cycle(off_seconds=0)
    board.board.console.expect("stop autoboot", 240)
    board.board.console.send(" ")
    board.board.console.expect("=> ", 240)
    return board.board

def test_boot(booted):
    log_in(booted.console)

def test_fine(board):
    assert board.board.console.run("echo one", "=> ", 240) == "one"
"""


async def test_a_failing_expect_shows_the_test_and_the_console_and_nothing_of_ours(project: Project) -> None:
    options = ["--jumplab-name=mine", f"--junitxml={project.folder / 'report.xml'}"]
    ran = await project.pytest(FAILING, LEASED, *options)
    assert "1 failed, 1 passed" in ran.out, ran
    assert '    console.expect("login:", timeout=0.2)' in ran.out
    assert 'ConsoleTimeout: "login:" did not come from board.console' in ran.out
    section = ran.out.partition("- console -")[2]
    assert "virtual firmware" in section, ran.out
    assert "\ufffd" not in section
    assert "=> " in section
    for inside in ("portal.py", "conversation.py", "plain.py", "direct cause", "asyncio/", "During handling"):
        assert inside not in ran.out, inside
    properties = project.properties(project.folder / "report.xml")
    assert properties["test_fine"].items() >= {"lease": "mine", "exporter": "bench-1"}.items()
    assert "one" in properties["test_fine"]["console"].splitlines()
    assert "virtual firmware" not in properties["test_fine"]["console"]
    assert properties["test_boot"].items() >= {"lease": "mine", "exporter": "bench-1"}.items()
    assert "virtual firmware" in properties["test_boot"]["console"]


async def test_an_async_test_s_failing_expect_shows_its_line_alone(project: Project) -> None:
    text = """
        import asyncio
        import pytest

        @pytest.mark.asyncio
        async def test_alone(async_board):
            await async_board.board.console.expect("login:", timeout=0.2)

        @pytest.mark.asyncio
        async def test_grouped(async_board):
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(async_board.board.console.expect(b"login:", timeout=0.2))
    """
    ran = await project.pytest(text, LEASED)
    assert "2 failed" in ran.out, ran
    assert 'await async_board.board.console.expect("login:", timeout=0.2)' in ran.out
    assert '"login:" did not come from board.console' in ran.out
    assert "b'login:' did not come from board.console" in ran.out
    assert "direct cause" not in ran.out
    assert "await search.take" not in ran.out


async def test_every_error_of_ours_is_cut_and_the_user_s_own_cause_stays(project: Project) -> None:
    text = """
        def test_refused(board):
            board.board.storage.call("size", 1, 2, 3)

        def test_missing(board):
            board.board.console.expect("(")

        def test_wrapped(board):
            try:
                board.board.console.expect("never", timeout=0.1)
            except TimeoutError as error:
                raise AssertionError("no boot") from error

        def test_unknown(board):
            board.board.consol.expect("x")
    """
    ran = await project.pytest(text, LEASED)
    assert "4 failed" in ran.out, ran
    assert "no boot" in ran.out
    assert 'has no "consol"' in ran.out
    assert ran.out.count("direct cause") == 1
    for inside in ("portal.py", "codec.py", "client.py", "patterns.py", "plain.py", "conversation.py"):
        assert inside not in ran.out, inside
    whole = await project.pytest(text, LEASED, "--full-trace")
    assert "portal.py" in whole.out


async def test_nothing_that_a_console_said_reaches_the_next_test(project: Project) -> None:
    text = """
        import jumplab, pytest

        def test_one(board):
            board.board.power.cycle(off_seconds=0)
            with board.board.console.connect(offset=0) as other:
                said = b""
                while b"stop autoboot" not in said:
                    said += other.receive()

        def test_two(board):
            with pytest.raises(jumplab.ConsoleTimeout):
                board.board.console.expect("virtual firmware", timeout=0.5)

        def test_three(board):
            board.board.console.expect("virtual firmware", timeout=240, since="lease")
    """
    ran = await project.pytest(text, LEASED)
    assert "3 passed" in ran.out, ran


async def test_each_test_s_console_has_a_file_and_its_board_is_switched_off(project: Project) -> None:
    text = """
        import pytest

        @pytest.fixture
        def boot(board):
            board.board.power.cycle(off_seconds=0)
            board.board.console.expect("stop autoboot", 240)
            board.board.console.send(" ")
            board.board.console.expect("=> ", 240)
            board.usb_power.on()
            yield
            board.board.console.run("echo goodbye", "=> ", 240)

        @pytest.mark.parametrize("word", ["one", "a/b c"])
        def test_it(board, boot, word):
            board.board.console.run(f"echo said {word}", "=> ", 240)

        def test_off(board):
            assert not board.usb_power.is_on()
            assert not board.board.power.is_on()
    """
    logs = project.folder / "logs" / "console"
    ran = await project.pytest(text, LEASED, f"--jumplab-console-log={logs}", "--jumplab-power-off")
    assert "3 passed" in ran.out, ran
    one = (logs / "test_it.py.test_it[one].log").read_text()
    assert "virtual firmware" in one
    assert "said one" in one
    assert "goodbye" in one
    assert "\r" not in one
    two = (logs / log_name("test_it.py::test_it[a/b c]")).read_text()
    assert "said a/b c" in two
    assert "said one" not in two
    assert len(list(logs.iterdir())) == 3


async def test_a_folder_for_consoles_that_can_t_be_made_is_a_sentence(project: Project) -> None:
    (project.folder / "file").write_text("")
    ran = await project.pytest("def test_it(): pass\n", f"--jumplab-console-log={project.folder / 'file' / 'logs'}")
    assert ran.status == 4, ran
    assert "can't be made: Not a directory" in ran.err
    assert "Traceback" not in ran.err


def test_a_test_s_file_has_a_name_that_any_system_takes() -> None:
    assert log_name("tests/a/test_b.py::TestC::test_d") == "tests.a.test_b.py.TestC.test_d.log"
    names = {log_name(f"test_a.py::test_b[{word}]") for word in ("a/b", "a b", "a-b", "../x", "x" * 500, "x" * 501)}
    assert len(names) == 6
    assert all(len(name) < 255 and Path(name).name == name for name in names)


@pytest.mark.parametrize("scope", ["session", "function"])
async def test_a_failing_teardown_shows_the_console_too(project: Project, scope: str) -> None:
    text = """
        import pytest

        @pytest.fixture
        def boot(board):
            yield
            board.board.power.cycle(off_seconds=0)
            board.board.console.expect("stop autoboot", 240)
            board.board.console.expect("login:", timeout=0.2)

        def test_it(boot): pass
    """
    ran = await project.pytest(text, LEASED, f"--jumplab-scope={scope}")
    assert "1 passed, 1 error" in ran.out, ran
    assert "virtual firmware" in ran.out.partition("- console -")[2], ran.out
    assert "INTERNALERROR" not in ran.out
    assert "portal.py" not in ran.out


async def test_a_supply_that_stays_on_is_named_and_the_others_are_switched_off(project: Project) -> None:
    text = """
        def test_one(board):
            board.stuck.on()
            board.usb_power.on()

        def test_two(board):
            assert not board.usb_power.is_on()
    """
    ran = await project.pytest(text, LEASED, "--jumplab-power-off")
    assert "2 passed, 2 errors" in ran.out, ran
    assert 'supply "stuck" was not switched off: ' in ran.out
    assert "the relay does not answer" in ran.out
    assert "portal.py" not in ran.out


async def test_a_test_that_passes_has_its_console_in_its_report_once(project: Project) -> None:
    text = """
        import pytest

        @pytest.fixture
        def boot(board):
            board.board.power.cycle(off_seconds=0)
            board.board.console.expect("stop autoboot", 240)
            board.board.console.send(" ")
            board.board.console.expect("=> ", 240)
            yield
            board.board.console.run("echo goodbye", "=> ", 240)

        def test_it(board, boot):
            board.board.console.run("echo hello", "=> ", 240)

        def test_silent(board): pass
    """
    report = project.folder / "report.xml"
    ran = await project.pytest(text, LEASED, "-rP", f"--junitxml={report}")
    assert "2 passed" in ran.out, ran
    assert ran.out.count("- console -") == 1, ran.out
    assert "\nhello\n" in ran.out.partition("- console -")[2]
    assert report.read_text().count('name="console"') == 1
    assert "goodbye" in project.properties(report)["test_it"]["console"].splitlines()
