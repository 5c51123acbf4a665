"""Completion in real shells, with what is in the lab now."""

from __future__ import annotations

import shutil
import socket

import pytest

from jumplab.protocol.client_v1 import client_pb2
from jumplab.protocol.labels import NAME_LABEL
from tests.cli.terminal import Terminal
from tests.cli.user import User
from tests.client.authority import Authority
from tests.client.bench import Bench
from tests.client.lab_double import config_for

PROMPT = "ready> "
TRIES = 40


@pytest.fixture
def exporters(bench: Bench) -> None:
    for name, board in (("bench-1", "imx8"), ("shelf-2", "rpi")):
        path = f"namespaces/lab/exporters/{name}"
        labels = {"board": board, "example.com/rack": "r7"}
        bench.lab.exporters[path] = client_pb2.Exporter(name=path, labels=labels, online=True)


async def shell_of(user: User, kind: str) -> Terminal:
    """An interactive shell that completes."""
    arguments = {"bash": ("--norc", "--noprofile", "-i"), "zsh": ("-f", "-i")}[kind]
    path = shutil.which(kind)
    assert path
    terminal = Terminal(user, path, *arguments, columns=200)
    if kind == "zsh":
        terminal.type("autoload -Uz compinit; compinit -u\n")
    terminal.type(f"PS1='{PROMPT}'; eval \"$(jumplab completion {kind})\"; echo set-$((1))\n")
    await terminal.expect("set-1")
    await terminal.expect(PROMPT)
    return terminal


SHELLS = [pytest.param("bash", marks=pytest.mark.needs("bash")), pytest.param("zsh", marks=pytest.mark.needs("zsh"))]


@pytest.mark.parametrize("kind", SHELLS)
@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("get exporters ben\t", "bench-1"),
        ("get exp shel\t", "shelf-2"),
        ("get exporters -o name -l boa\trp\t", "shelf-2"),
        ("get exporters -o name -l exam\tr\t\x7f,boa\ti\t", "bench-1"),
        ("explain lease de\t", 'lease "demo"'),
        ("delete lease de\t", 'lease "demo" released'),
        ("update lease de\t --to an\t", 'belongs to client "ann"'),
        ("config client use c\t && jumplab config client list", "* ci"),
    ],
)
async def test_names_and_labels_of_the_lab_are_completed(
    user: User, bench: Bench, authority: Authority, exporters: None, kind: str, typed: str, completed: str
) -> None:
    await user.run("jumplab", "create", "lease", "-l", "board=imx8", "--name", "demo")
    user.configure(config_for(bench.port, authority), "ann")
    user.configure(config_for(bench.port, authority), "ci")
    terminal = await shell_of(user, kind)
    shown = ""
    for _ in range(TRIES):  # on a busy machine a completion may come to nothing: it waits for two seconds
        terminal.type(f"jumplab {typed}; echo end-$((1))\n")
        shown = await terminal.expect("end-1")
        await terminal.expect(PROMPT)  # what is typed before the shell reads is not completed
        if completed in shown:
            break
    assert completed in shown
    terminal.type("exit\n")
    await terminal.status()


@pytest.mark.parametrize("kind", SHELLS)
async def test_j_s_drivers_and_commands_are_completed(user: User, kind: str) -> None:
    shell = {"bash": ("bash", "--norc", "--noprofile", "-i"), "zsh": ("zsh", "-f", "-i")}[kind]
    terminal = Terminal(user, "jumplab", "shell", "-l", "board=x", "--", *shell, columns=200)
    if kind == "zsh":
        terminal.type("autoload -Uz compinit; compinit -u\n")
    terminal.type(f"PS1='{PROMPT}'; eval \"$(jumplab completion {kind})\"; echo set-$((1))\n")
    await terminal.expect("set-1")
    await terminal.expect(PROMPT)
    shown = ""
    for _ in range(TRIES):
        terminal.type("j pow\tis-\t; echo end-$((1))\n")
        shown = await terminal.expect("end-1")
        if "false" in shown:
            break
    assert "false" in shown
    terminal.type("exit\n")
    await terminal.status()


async def completed(user: User, words: str) -> list[str]:
    """The words that bash is offered for the last of these, once it is offered any."""
    for _ in range(TRIES):
        if offered := await offered_once(user, words):
            return offered
    return []


async def offered_once(user: User, words: str) -> list[str]:
    """The words that bash is offered for the last of these; on a busy machine it may be none."""
    asked = {"_JUMPLAB_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    offered = await user.run(words.split()[0], **asked)
    assert (offered.status, offered.err) == (0, "")
    return [line.partition(",")[2] for line in offered.out.splitlines() if line]


async def test_consoles_are_completed_by_their_paths(user: User, bench: Bench, exporters: None) -> None:
    exporter = bench.lab.exporters["namespaces/lab/exporters/bench-1"]
    exporter.drivers.add(uuid="root")
    exporter.drivers.add(uuid="box", parent_uuid="root", labels={NAME_LABEL: "box"})
    console = exporter.drivers.add(uuid="console", parent_uuid="box", labels={NAME_LABEL: "serial"})
    console.interfaces.add(name="jumplab.drivers.console.ConsoleInterface")
    assert await completed(user, "jumplab console --exporter bench-1 --driver b") == ["box.serial"]
    assert await completed(user, "jumplab console -l board=imx8 --driver ") == ["box.serial"]
    assert await offered_once(user, "jumplab console -l board=rpi --driver ") == []
    await user.run("jumplab", "create", "lease", "-l", "board=imx8", "--name", "demo")
    assert await completed(user, "jumplab console --lease demo --driver box.") == ["box.serial"]


async def test_members_and_tags_are_completed(user: User, exporters: None) -> None:
    assert await completed(user, "jumplab create lease --member dut=@be") == ["dut=@bench-1"]
    assert await completed(user, "jumplab create lease --member dut=board=r") == ["dut=board=rpi"]
    await user.run("jumplab", "create", "lease", "-l", "board=imx8", "--tag", "ticket=4711")
    assert await completed(user, "jumplab get leases -l tick") == ["ticket="]
    assert await completed(user, "jumplab get leases -l ticket=") == ["ticket=4711"]


async def test_j_completes_nothing_outside_a_leased_shell(stranger: User) -> None:
    assert await offered_once(stranger, "j pow") == []


@pytest.mark.needs("bash")
async def test_without_a_controller_nothing_is_completed_and_nothing_said(
    stranger: User, authority: Authority, unused_tcp_port: int
) -> None:
    words = {"_JUMPLAB_COMPLETE": "bash_complete", "COMP_WORDS": "jumplab get leases d", "COMP_CWORD": "3"}
    unconfigured = await stranger.run("jumplab", **words)
    assert (unconfigured.status, unconfigured.out.strip(), unconfigured.err) == (0, "", "")
    stranger.configure(config_for(unused_tcp_port, authority))
    away = await stranger.run("jumplab", **words)
    assert (away.status, away.out.strip(), away.err) == (0, "", "")
    stranger.places.client_path("ci").write_text("{")
    broken = await stranger.run("jumplab", **words)
    assert (broken.status, broken.out.strip(), broken.err) == (0, "", "")
    clients = await stranger.run("jumplab", **words | {"COMP_WORDS": "jumplab get client d"}, KUBECONFIG="/nowhere")
    assert (clients.status, clients.out.strip(), clients.err) == (0, "", "")


async def test_a_controller_that_does_not_answer_is_not_waited_for(stranger: User, authority: Authority) -> None:
    with socket.create_server(("localhost", 0)) as silent:
        stranger.configure(config_for(silent.getsockname()[1], authority))
        words = {"_JUMPLAB_COMPLETE": "bash_complete", "COMP_WORDS": "jumplab get leases d", "COMP_CWORD": "3"}
        ended = await stranger.run("jumplab", **words)
    assert (ended.status, ended.out.strip(), ended.err) == (0, "", "")
