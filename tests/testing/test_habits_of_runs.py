"""Runs of pytest with a board as people have them: stopped, interrupted, distributed, without a terminal."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from tests.cli.user import Outcome, outcome_of
from tests.testing.conftest import Project
from tests.testing.test_strategies_of_runs import STRATEGIES

LEASED = ("--jumplab-lease=board=x", "--jumplab-name=mine")

FIRST_FAILS = """
def test_one(board):
    board.board.power.cycle(off_seconds=0)
    board.board.console.expect("stop autoboot", 240)
    assert False

def test_two(board):
    board.usb_power.on()
"""


async def test_without_a_terminal_plugin_tests_pass_and_fail_as_ever(project: Project) -> None:
    report = project.folder / "report.xml"
    ran = await project.pytest(FIRST_FAILS, *LEASED, "-p", "no:terminal", f"--junitxml={report}")
    assert ran.status == 1, ran
    assert "INTERNALERROR" not in ran.out + ran.err, ran
    assert "Traceback" not in ran.out + ran.err, ran
    assert "stop autoboot" in project.properties(report)["test_one"]["console"]
    assert project.bench.lab.released == ["mine"]


async def test_the_first_failure_ends_a_run_and_its_lease(project: Project) -> None:
    ran = await project.pytest(FIRST_FAILS, *LEASED, "-x")
    assert ran.status == 1, ran
    assert "1 failed in" in ran.out
    assert project.bench.lab.released == ["mine"]


@pytest.mark.nightly
async def test_the_last_failures_can_be_run_again(project: Project) -> None:
    cache = ("-o", f"cache_dir={project.folder / 'cache'}", "-p", "cacheprovider")
    await project.pytest(FIRST_FAILS, LEASED[0], *cache)
    ran = await project.pytest(FIRST_FAILS.replace("assert False", "pass"), LEASED[0], *cache, "--lf")
    assert "1 passed, 1 deselected" in ran.out, ran
    assert len(project.bench.lab.released) == 2


async def test_fixtures_that_fail_fail_their_tests_alone(project: Project) -> None:
    text = """
        import pytest

        @pytest.fixture(scope="module")
        def flashed(board):
            board.board.power.cycle(off_seconds=0)
            board.board.console.expect("never", timeout=0.2)

        @pytest.fixture(scope="class")
        def booted(board):
            board.board.power.cycle(off_seconds=0)
            board.board.console.expect("stop autoboot", 240)
            board.board.console.send(" ")
            board.board.console.expect("=> ", 240)
            return board.board.console

        class TestBooted:
            @pytest.mark.parametrize("word", ["one", "two"])
            def test_it(self, booted, word):
                assert booted.run(f"echo {word}", "=> ", 240) == word

        def test_flashed(flashed): pass
        def test_flashed_too(flashed): pass

        def test_other(board):
            assert board.board.power.is_on()
    """
    report = project.folder / "report.xml"
    ran = await project.pytest(text, *LEASED, f"--junitxml={report}")
    assert "3 passed, 2 errors" in ran.out, ran
    assert '"never" did not come from board.console' in ran.out
    assert '>       board.board.console.expect("never", timeout=0.2)' in ran.out
    assert "portal.py" not in ran.out
    assert project.bench.lab.released == ["mine"]
    assert project.properties(report)["test_flashed"].items() >= {"lease": "mine", "exporter": "bench-1"}.items()


WAITING = {
    "a test": """
        def test_one(board, tmp_path):
            {begun}
            board.board.console.expect("never", timeout=3600)
    """,
    "a fixture": """
        import pytest

        @pytest.fixture(scope="session")
        def booted(board):
            {begun}
            board.board.console.expect("never", timeout=3600)

        def test_one(booted): pass
    """,
    "a transition": """
        import jumplab, pytest
        from strategies import Firmware

        class Endless(Firmware):
            def boot_linux(self):
                {begun}
                self.console.expect("never", timeout=3600)

        @pytest.mark.board_state("shell")
        def test_one(): pass
    """,
}


async def interrupted(project: Project, text: str, *options: str) -> Outcome:
    """The end of a run that gets Ctrl-C while its test waits."""
    begun = project.folder / "begun"
    project.write("test_it.py", text.format(begun=f"open({str(begun)!r}, 'w').close()"))
    given = ["--rootdir", str(project.folder), "-c", str(project.ini), "-p", "no:cacheprovider", *LEASED, *options]
    process = await project.user.start("pytest", *given, str(project.folder / "test_it.py"))
    ending = asyncio.create_task(outcome_of(process))
    while not begun.exists() and not ending.done():  # noqa: ASYNC110 - another process makes it
        await asyncio.sleep(0.02)
    if not ending.done():
        process.send_signal(signal.SIGINT)
    return await ending


@pytest.mark.parametrize("where", ["a test", pytest.param("a fixture", marks=pytest.mark.nightly), "a transition"])
async def test_ctrl_c_releases_the_lease(project: Project, where: str) -> None:
    project.write("strategies.py", STRATEGIES)
    options = ["--jumplab-strategy=test_it:Endless"] if where == "a transition" else []
    ran = await interrupted(project, WAITING[where], *options)
    assert ran.status == 2, ran
    assert "KeyboardInterrupt" in ran.out
    assert "Traceback" not in ran.out + ran.err, ran
    assert project.bench.lab.released == ["mine"]


async def test_ctrl_c_while_the_lease_waits_releases_it(project: Project) -> None:
    asked = asyncio.Event()
    project.bench.lab.place = lambda lease: asked.set()
    project.write("test_it.py", "def test_one(board): pass\n")
    given = ["--rootdir", str(project.folder), "-c", str(project.ini), LEASED[0], str(project.folder / "test_it.py")]
    process = await project.user.start("pytest", *given)
    await asked.wait()
    process.send_signal(signal.SIGINT)
    ran = await outcome_of(process)
    assert ran.status == 2, ran
    assert "Traceback" not in ran.out + ran.err, ran
    assert project.bench.lab.released == [name.rpartition("/")[2] for name in project.bench.lab.leases]


@pytest.mark.nightly
async def test_ctrl_c_releases_the_leases_of_all_workers(project: Project) -> None:
    ran = await interrupted(project, WAITING["a test"], "-n2", "--dist=each")
    assert ran.status == 2, ran
    assert sorted(project.bench.lab.released) == ["mine-gw0", "mine-gw1"]


async def test_a_lease_that_ends_in_a_test_fails_it_and_ends_the_run(project: Project) -> None:
    text = """
        def test_one(board):
            board.end.on()
            board.board.console.expect("never", timeout=3600)

        def test_two(board): pass
        def test_three(board): pass
    """
    report = project.folder / "report.xml"
    ran = await project.pytest(text, *LEASED, f"--junitxml={report}")
    assert ran.status == 1, ran
    assert "1 failed, 1 error" in ran.out, ran
    assert ran.out.count("the lease expired") >= 1
    assert "portal.py" not in ran.out, ran


async def test_a_lease_that_ends_in_a_transition_ends_the_run(project: Project) -> None:
    project.write(
        "ending.py",
        """
        from typing import Any, Literal

        import jumplab

        class Ending(jumplab.Strategy[Any, Literal["ended"]]):
            @jumplab.way(jumplab.ANY_STATE, "ended")
            def end(self) -> None:
                self.board.end.on()
                self.board.board.console.expect("never", timeout=3600)
        """,
    )
    text = """
        import pytest

        pytestmark = pytest.mark.board_state("ended")

        def test_one(board): pass
        def test_two(board): pass
        def test_three(board): pass
    """
    ran = await project.pytest(text, *LEASED, "--jumplab-strategy=ending:Ending")
    assert ran.status == 1, ran
    assert "2 errors" in ran.out or "1 error" in ran.out, ran
    assert "the lease expired" in ran.out
    assert "Traceback" not in ran.out


async def test_each_worker_has_a_strategy_of_its_own(project: Project) -> None:
    project.write("strategies.py", STRATEGIES)
    text = """
        import pytest

        @pytest.mark.board_state("bootloader")
        @pytest.mark.parametrize("number", [1, 2, 3])
        def test_it(strategy, number):
            assert len([step for step in strategy.record if not step.is_probe]) == 2
    """
    # One board for both is what the bench has: so one worker.
    ran = await project.pytest(text, *LEASED, "--jumplab-strategy=strategies:Firmware", "-n1")
    assert "3 passed" in ran.out, ran
    assert project.bench.lab.released == ["mine-gw0"]


@pytest.mark.nightly
async def test_each_test_s_console_is_its_own_under_xdist(project: Project) -> None:
    logs: Path = project.folder / "logs"
    text = """
        import pytest

        @pytest.mark.parametrize("word", ["one", "two"])
        def test_it(board, word):
            board.board.power.cycle(off_seconds=0)
            board.board.console.expect("stop autoboot", 240)
            board.board.console.send(" ")
            board.board.console.expect("=> ", 240)
            board.board.console.run(f"echo said {word}", "=> ", 240)
    """
    ran = await project.pytest(text, *LEASED, "-n1", f"--jumplab-console-log={logs}")
    assert "2 passed" in ran.out, ran
    assert "said one" in (logs / "test_it.py.test_it[one].log").read_text()
    assert "said one" not in (logs / "test_it.py.test_it[two].log").read_text()
