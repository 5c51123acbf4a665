"""One attack from its beginning to its result."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from tools.abuse import attacker, verdict
from tools.abuse.battlefield import Battlefield
from tools.abuse.bystander import Bystander
from tools.abuse.catalogue import ATTACKS
from tools.abuse.verdict import Result
from tools.bench.processes import running

_MEBIBYTE = 1024 * 1024
_SETTLING_SECONDS = 2.0
_LOOK_SECONDS = 0.05
_SECOND_ATTACK_SECONDS = 2.0
"""How long the attack goes on before SIGTERM comes."""


async def play(field: Battlefield, name: str, seconds: float) -> Result:
    """Attacks for so long, waits until all is as before, and ends the operator in the middle of a second attack."""
    result = Result(name, field.lab.api, ATTACKS[name].is_bounded_outside)
    operator = psutil.Process(field.lab.operator.pid)
    bystander = Bystander(field)
    before = await asyncio.to_thread(field.kept)
    working = asyncio.create_task(bystander.run(), name="bystander")
    try:
        await asyncio.sleep(_SETTLING_SECONDS)
        result.before_mib = result.peak_mib = _mebibytes(operator)
        begun = time.monotonic()
        result.done = await _attacked(field, name, seconds, lambda: _note_peak(result, operator))
        result.slowest, result.failed, result.failure = bystander.slowest(begun, new=False)
        newcomers = bystander.slowest(begun, new=True)
        result.newcomers_slowest, result.newcomers_failed, result.newcomers_failure = newcomers
        await _rest(result, operator)
    finally:
        working.cancel()
        await asyncio.wait({working})
    result.database_mib = field.database_bytes() / _MEBIBYTE
    result.lost = verdict.differences(before, await asyncio.to_thread(field.kept))
    await _ended_meanwhile(field, name, result)
    result.tracebacks = field.lab.operator.output().count("Traceback (most recent call last)")
    return result


async def _attacked(field: Battlefield, name: str, seconds: float, look: Callable[[], None]) -> dict[str, int]:
    """Returns what the attacker did."""
    with running(_command(field, name, seconds), field.folder / "attack.log", until=attacker.BEGUN) as process:
        while process.running:
            look()
            await asyncio.sleep(_LOOK_SECONDS)
        if process.exit_status:
            raise RuntimeError(f"the attacker has failed:\n{process.output()[-4000:]}")
        done: dict[str, int] = json.loads(process.output().splitlines()[-1])
        return done


async def _rest(result: Result, operator: psutil.Process) -> None:
    """Waits until the memory is back, a minute at most."""
    begun = time.monotonic()
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        rested = time.monotonic() - begun
        _note_peak(result, operator)
        result.after_mib = _mebibytes(operator)
        if result.after_mib <= result.before_mib + verdict.GROWTH_MIB:
            result.back_seconds = rested
            return
        if rested > verdict.BACK_SECONDS:
            return


async def _ended_meanwhile(field: Battlefield, name: str, result: Result) -> None:
    """SIGTERM in the middle of an attack."""
    operator = field.lab.operator
    seconds = _SECOND_ATTACK_SECONDS + verdict.STOP_SECONDS
    with running(_command(field, name, seconds), field.folder / "second.log", until=attacker.BEGUN):
        await asyncio.sleep(_SECOND_ATTACK_SECONDS)
        begun = time.monotonic()
        os.kill(operator.pid, signal.SIGTERM)
        if await asyncio.to_thread(operator.ends_within, verdict.STOP_SECONDS):
            result.stop_seconds = time.monotonic() - begun
    result.exit_status = operator.exit_status


def _command(field: Battlefield, name: str, seconds: float) -> list[str | Path]:
    return [sys.executable, "-m", "tools.abuse.attacker", name, str(seconds), field.folder / "target.json"]


def _note_peak(result: Result, operator: psutil.Process) -> None:
    result.peak_mib = max(result.peak_mib, _mebibytes(operator))


def _mebibytes(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / _MEBIBYTE
