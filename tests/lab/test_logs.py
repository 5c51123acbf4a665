"""The logs of a lab: one line for each transition, with its keys, as JSON and as text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jumplab
from tests.kube.processes import Process
from tests.lab.homes import PROGRAMS, OneMachine
from tests.lab.lab import Lab

Line = dict[str, Any]


def lines_of(process: Process, **fields: str) -> list[Line]:
    """The lines of its log that have these fields; what else a program prints is none."""
    found = [json.loads(line) for line in process.output().splitlines() if line.startswith("{")]
    return [line for line in found if all(line.get(key) == value for key, value in fields.items())]


def told(process: Process, **fields: str) -> list[str]:
    """The reasons of the lines that have these fields."""
    return [line["reason"] for line in lines_of(process, **fields) if line["level"] == "INFO" and "reason" in line]


def test_each_transition_is_one_line_with_its_keys(tmp_path: Path) -> None:
    home = OneMachine(tmp_path)
    home.process.command += ["--log-format", "json", "-v"]
    with Lab(home, tmp_path) as lab:
        lab.create("Exporter", "bench-logs", {}, {"board": "logs"})
        config = lab.exporter_config("bench-logs", export={"relay": {"type": "power/virtual"}})
        command = [PROGRAMS / "jumplab-exporter", "run", config, "--log-format", "json"]
        exporter = Process(command, tmp_path / "exporter.log")
        exporter.start()
        lab.until_available("bench-logs")
        lab.lease("of-logs", board="logs")
        lab.until_ready("of-logs")
        home.process.wait_until(lambda: "LeaseReady" in told(home.process, exporter="lab/bench-logs"), "its status")
        with jumplab.attach("of-logs", client=lab.config) as root:
            root.relay.on()
        lab.release("of-logs")
        lab.until_available("bench-logs")
        exporter.stop()
        home.process.wait_until(lambda: told(home.process, exporter="lab/bench-logs")[-1] == "Offline", "its last line")

        log = home.process
        assert told(log, lease="lab/of-logs", client="ci", exporter="bench-logs") == ["Assigned", "Ready", "Ended"]
        statuses = told(log, exporter="lab/bench-logs")
        assert (statuses[0], statuses[-1]) == ("Offline", "Offline")
        assert "Available" in statuses
        (begin, end) = lines_of(log, logger="jumplab_operator.router.relay", lease="lab/of-logs", client="ci")
        assert (begin["session"], begin["message"].endswith("is connected")) == (end["session"], True)
        plans = [line["message"] for line in lines_of(log, level="DEBUG") if line["message"].startswith("plan: ")]
        assert plans == ['plan: lease "lab/of-logs" gets bench-logs']
        (switched,) = lines_of(exporter, driver="relay")
        assert switched["message"] == "switched on"
        assert {"lease": "of-logs", "client": "ci"}.items() <= lines_of(exporter, lease="of-logs")[0].items()
