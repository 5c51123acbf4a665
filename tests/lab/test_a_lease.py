"""From a Lease to a board's prompt, through every part as a process of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import jumplab
from tests.kube.kubectl import Kubectl
from tests.lab.boards import PROMPT, QEMU_BOARD
from tests.lab.homes import NAMESPACE
from tests.lab.lab import VIRTUAL_BOARD, Lab

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize(
    "export",
    [pytest.param(QEMU_BOARD, id="qemu", marks=pytest.mark.needs("qemu")), pytest.param(VIRTUAL_BOARD, id="virtual")],
)
def test_a_leased_board_boots_to_its_prompt_and_lists_the_disk_that_was_written(
    lab: Lab, export: dict[str, Any], image: Path, request: pytest.FixtureRequest
) -> None:
    name = f"bench-{request.node.callspec.params['export']['board']['type'][-4:].lower()}"
    lab.exporter(name, export=export)
    lab.lease(f"on-{name}", board=name)
    ready = lab.until_ready(f"on-{name}")
    assert ready["status"]["exporterRef"] == {"name": name}
    with jumplab.attach(f"on-{name}", client=lab.config) as root:
        board = root.board
        board.storage.write_file(image)
        board.power.on()
        board.console.expect("stop autoboot", timeout=240)
        board.console.send(" ")
        board.console.expect(PROMPT)
        assert "U-Boot" in board.console.run("version", PROMPT)
        assert "7   hello.txt" in board.console.run("fatls virtio 0", PROMPT)
    lab.release(f"on-{name}")
    lab.until_available(name)


@pytest.mark.needs("kubectl")
def test_by_hand_with_the_command_line_and_kubectl(lab: Lab, tmp_path: Path) -> None:
    me = lab.person("me")
    assert me.run("jumplab", "create", "client", "me", "-n", NAMESPACE, "--save").status == 0
    file = tmp_path / "exporter.yaml"
    made = me.run("jumplab", "create", "exporter", "bench-k", "-n", NAMESPACE, "-l", "board=demo", "--out", file)
    assert made.status == 0, made
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"export": VIRTUAL_BOARD}))
    exporter = lab.run_exporter("bench-k", file)

    kubectl = Kubectl(lab.home.kubeconfig, tmp_path, NAMESPACE)
    kubectl.ok("apply", "-f", str(EXAMPLES / "lease.yaml"))
    kubectl.ok("wait", "--for=condition=Ready", "jl/demo", "--timeout=240s")
    assert "demo" in me.run("jumplab", "get", "leases").out
    script = "j board power on && j board power is-on"
    assert me.run("jumplab", "shell", "--lease", "demo", "--", "sh", "-c", script).out == "true\n"
    # It was this lease, and the shell has left it as it was.
    left = lab.get("leases", "demo")["status"]
    assert (left["exporterRef"]["name"], left.get("ended", False)) == ("bench-k", False)
    assert "Ready" in kubectl.ok("get", "jl", "demo")
    assert "Ready" in kubectl.ok("describe", "jl", "demo")
    kubectl.ok("delete", "jl", "demo")
    lab.until_available("bench-k")

    def happened() -> set[str]:
        return {event["reason"] for event in lab.list("events") if event["involvedObject"]["name"] == "demo"}

    exporter.wait_until(lambda: {"Assigned", "Ready"} <= happened(), "the Events, which come behind the work")
