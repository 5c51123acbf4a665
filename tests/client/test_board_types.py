"""What type checkers find in a test that uses a typed board, run as a user runs them: mypy in strict mode, pyright."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SAMPLE = """
from __future__ import annotations

from pathlib import Path
from typing import reveal_type

import jumplab
from jumplab.drivers.console import AsyncConsoleClient, ConsoleClient
from jumplab.drivers.power import AsyncPowerClient, PowerClient


class Dut(jumplab.Board):
    power: PowerClient
    console: ConsoleClient
    video: PowerClient | None

    def boot(self) -> str:
        self.power.cycle()
        return self.console.expect("=> ")


class Pair(jumplab.Board):
    left: Dut
    right: Dut


class AsyncDut(jumplab.AsyncBoard):
    power: AsyncPowerClient
    console: AsyncConsoleClient


def test_plain() -> None:
    with jumplab.lease("board=imx8", board=Dut, duration="5m") as board:
        reveal_type(board)  # N: Revealed type is "sample.Dut"
        board.power.cycle(off_seconds=2)
        board.boot().upper()
        board.power.cylce()  # E: "PowerClient" has no attribute "cylce"
        board.powr.on()  # E: "Dut" has no attribute "powr"
        board.power.cycle("2")  # E: incompatible type "str"; expected "float"
        board.video.on()  # E: Item "None" of "PowerClient | None" has no attribute "on"
    with jumplab.attach("demo", board=Dut, wait_timeout="5m") as board:
        board.power.off()
        board.console.expct("=> ")  # E: "ConsoleClient" has no attribute "expct"
    with jumplab.lease(exporters={"left": "a=b", "right": "@c"}, board=Pair) as pair:
        pair.left.power.on()
        pair.right.power.onn()  # E: "PowerClient" has no attribute "onn"
    with jumplab.lease("board=imx8") as untyped:
        untyped.power.cycle()
    with jumplab.local("bench.yaml", board=Dut) as board:
        reveal_type(board)  # N: Revealed type is "sample.Dut"
        board.power.cylce()  # E: "PowerClient" has no attribute "cylce"
    with jumplab.local(Path("bench.yaml")) as untyped:
        untyped.power.cycle()
    with jumplab.lease("board=imx8", board=AsyncDut):  # E: has no attribute "__enter__"  # E: "__exit__"
        pass


async def test_asyncio() -> None:
    async with jumplab.lease("board=imx8", board=AsyncDut) as board:
        reveal_type(board.power)  # N: Revealed type is "jumplab.drivers.power.aio.AsyncPowerClient"
        await board.power.cycle()
        await board.power.cylce()  # E: "AsyncPowerClient" has no attribute "cylce"
    async with jumplab.attach("demo", board=AsyncDut) as board:
        await board.console.expect("=> ")
    async with jumplab.local("bench.yaml", board=AsyncDut) as board:
        await board.power.cylce()  # E: "AsyncPowerClient" has no attribute "cylce"
    async with jumplab.attach("demo", board=Dut):  # E: has no attribute "__aenter__"  # E: "__aexit__"
        pass


jumplab.lease("board=imx8", duration=30)  # E: No overload variant
jumplab.lease(["board=imx8"])  # E: No overload variant
jumplab.lease("board=imx8", board=object)  # E: "B" of "lease" cannot be "object"
jumplab.lease("board=imx8", board=Dut, durration="5m")  # E: did you mean "duration"  # E: No overload variant
jumplab.local("bench.yaml", board=object)  # E: "B" of "local" cannot be "object"
jumplab.local(3)  # E: No overload variant
jumplab.attach("demo", board=PowerClient)  # E: "B" of "attach" cannot be "PowerClient"
print(jumplab.__version__.upper(), jumplab.BoardMismatch("x").args)
"""


EXPECTED = {
    number: re.findall(r"# [EN]: (.*?)(?=  #|$)", line)
    for number, line in enumerate(SAMPLE.splitlines(), 1)
    if re.search(r"# [EN]: ", line)
}


def mypy(path: Path) -> list[str]:
    """What mypy says of a file, in strict mode and without a configuration."""
    own = ("--strict", "--config-file=", "--no-error-summary", f"--cache-dir={path.parent / 'cache'}")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *own, path], capture_output=True, text=True, check=False, cwd=path.parent
    )
    assert done.returncode in (0, 1), done
    return done.stdout.splitlines()


def test_mypy_finds_what_is_misspelt_and_nothing_else(tmp_path: Path) -> None:
    said: dict[int, list[str]] = {}
    for line in mypy(written(tmp_path)):
        if found := re.match(r"sample\.py:(\d+): (?:error|note: Revealed)", line):
            said.setdefault(int(found[1]), []).append(line)
    assert said.keys() == EXPECTED.keys(), said
    for number, wanted in EXPECTED.items():
        assert len(said[number]) == len(wanted), said[number]
        for sentence in wanted:
            assert any(sentence in line for line in said[number]), said[number]


@pytest.mark.skipif(shutil.which("pyright") is None, reason="pyright is not on PATH")
def test_pyright_finds_the_same(tmp_path: Path) -> None:
    done = subprocess.run(
        ["pyright", "--outputjson", "--pythonpath", sys.executable, written(tmp_path)],
        capture_output=True,
        check=False,
        cwd=tmp_path,
    )
    found = {each["range"]["start"]["line"] + 1 for each in json.loads(done.stdout)["generalDiagnostics"]}
    assert found == EXPECTED.keys()


def written(folder: Path) -> Path:
    path = folder / "sample.py"
    path.write_text(SAMPLE)
    return path
