"""What `import jumplab` and a lease leave behind in the process that uses them: nothing."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.client.authority import Authority
from tests.client.bench import Bench
from tests.client.lab_double import config_for

_WITHOUT_GRPC = {name: value for name, value in os.environ.items() if not name.startswith("GRPC_")}

_COMPARE = """
import asyncio, json, logging, multiprocessing, os, signal, sys, warnings

def seen():
    wakeup = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(wakeup)
    loggers = [logging.getLogger(), *(each for each in logging.root.manager.loggerDict.values()
               if isinstance(each, logging.Logger))]
    return {
        "environment": dict(os.environ),
        "switch interval": sys.getswitchinterval(),
        "signals": {str(each): repr(signal.getsignal(each)) for each in signal.valid_signals()},
        "wakeup descriptor": wakeup,
        "log handlers": [repr(each) for logger in loggers for each in logger.handlers
                         if not isinstance(each, logging.NullHandler)],
        "log level": logging.getLogger().level,
        "warnings": [repr(each) for each in warnings.filters],
        "start method": multiprocessing.get_start_method(allow_none=True),
        "event loop policy": type(asyncio.get_event_loop_policy()).__name__,
        "hooks": repr([sys.excepthook, sys.unraisablehook]),
    }

before = seen()
import jumplab
for name in dir(jumplab):
    getattr(jumplab, name)
imported = seen()
with jumplab.lease("board=x") as board:
    board.power.on()
    held = seen()

async def main():
    async with jumplab.lease("board=x") as board:
        await board.power.on()

asyncio.run(main())
used = seen()
print(json.dumps([before, imported, held, used]))
"""

_FAKE_GRPC = """
import json, os
print(json.dumps({name: value for name, value in os.environ.items() if name.startswith("GRPC_")}))
"""


async def test_a_lease_changes_nothing_in_its_process(bench: Bench, authority: Authority, tmp_path: Path) -> None:
    path = tmp_path / "client.yaml"
    path.write_text(config_for(bench.port, authority).to_yaml())
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _COMPARE),
        stdout=asyncio.subprocess.PIPE,
        env=_WITHOUT_GRPC | {"JMP_CLIENT_CONFIG": str(path)},
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    before, *later = json.loads(out)
    for moment in later:
        assert {what: (before[what], now) for what, now in moment.items() if now != before[what]} == {}


@pytest.mark.parametrize(
    ("code", "users", "seen"),
    [
        (
            "import jumplab.client.controller",
            {},
            {"GRPC_VERBOSITY": "NONE", "GRPC_EXPERIMENTS": "-event_engine_client,-event_engine_listener"},
        ),
        (
            "import jumplab.protocol.v1.router_pb2_grpc",
            {"GRPC_VERBOSITY": "INFO", "GRPC_EXPERIMENTS": ""},
            {"GRPC_VERBOSITY": "INFO", "GRPC_EXPERIMENTS": ""},
        ),
        ("import grpc, jumplab.client.controller", {}, {}),
    ],
    ids=["ours for the load", "the user's stay", "loaded before"],
)
def test_grpc_is_loaded_with_settings_that_do_not_stay(
    code: str, users: dict[str, str], seen: dict[str, str], tmp_path: Path
) -> None:
    package = tmp_path / "grpc"
    package.mkdir()
    (package / "__init__.py").write_text(_FAKE_GRPC)
    (package / "aio.py").touch()
    script = f"""
import os
before = dict(os.environ)
try:
    {code}
except (ImportError, AttributeError):  # what stands in for gRPC has nothing in it
    pass
assert dict(os.environ) == before
"""
    said = subprocess.check_output(
        [sys.executable, "-c", script], env=_WITHOUT_GRPC | users | {"PYTHONPATH": str(tmp_path)}, text=True
    )
    assert json.loads(said) == seen
