"""Starting up: quickly, and without what is not needed."""

import platform
import subprocess
import sys
from importlib.metadata import version

import pytest

from tests.cli.user import User

_HEAVY = {"grpc", "google.protobuf", "pydantic", "rich", "yaml", "asyncio", "kubernetes"}


def imported_by(program: str, *arguments: str) -> set[str]:
    code = f"import sys; sys.argv = {[program, *arguments]!r}; from {program} import main; main()"
    run = subprocess.run([sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode in (0, 2), run.stderr
    return {line.rpartition("|")[2].strip() for line in run.stderr.splitlines() if line.startswith("import time:")}


def test_help_loads_nothing_that_talks_to_a_lab() -> None:
    loaded = imported_by("jumplab.cli.main", "--help")
    assert "click" in loaded
    assert not loaded & _HEAVY


@pytest.mark.parametrize("command", ["get", "create", "delete", "shell", "console", "config", "completion"])
def test_a_command_s_help_loads_nothing_that_talks_to_a_lab(command: str) -> None:
    assert not imported_by("jumplab.cli.main", command, "--help") & _HEAVY


async def test_j_drives_without_grpc_and_pydantic(user: User) -> None:
    script = 'python -X importtime -c "from jumplab.cli.j.main import main; main()" 2>&1'
    run = await user.run("jumplab", "shell", "-l", "board=x", "--", "sh", "-c", script)
    assert "power" in run.out
    loaded = {line.rpartition("|")[2].strip() for line in run.out.splitlines() if line.startswith("import time:")}
    assert "google.protobuf" in loaded
    assert not loaded & {"grpc", "pydantic", "rich", "yaml"}


async def test_help_is_shown_without_a_configuration(stranger: User) -> None:
    shown = await stranger.run("jumplab", "--help")
    assert shown.status == 0
    for command in ("get", "create", "delete", "shell", "console", "config", "completion", "version"):
        assert command in shown.out


async def test_no_command_shows_the_help_and_fails(stranger: User) -> None:
    shown = await stranger.run("jumplab")
    assert shown.status == 2
    assert "Commands:" in shown.err


async def test_the_version_is_printed(stranger: User) -> None:
    """By all programs alike, and not only where they are installed from wheels."""
    here = f"(Python {platform.python_version()})\n"
    told = {"jumplab": "jumplab", "jumplab-exporter": "jumplab-exporter", "jumplab-operator": "jumplab-operator"}
    for program, distribution in told.items():
        for word in ("version", "--version"):
            said = await stranger.run(program, word)
            assert (said.status, said.out) == (0, f"{program} {version(distribution)} {here}"), said
    assert (await stranger.run("j", "--version")).out == f"j {version('jumplab')} {here}"


@pytest.mark.parametrize("option", ["-h", "--help"])
async def test_each_program_helps_with_both_options(option: str, stranger: User) -> None:
    for words in (
        ["jumplab"], ["jumplab", "get", "leases"], ["jumplab", "version"], ["j"],
        ["jumplab-exporter"], ["jumplab-exporter", "check"], ["jumplab-operator"], ["jumplab-operator", "standalone"],
    ):  # fmt: skip
        shown = await stranger.run(*words, option)
        assert (shown.status, shown.err) == (0, ""), shown
        assert shown.out.startswith(f"Usage: {' '.join(words)} "), shown.out


@pytest.mark.parametrize("option", ["-h", "--help"])
async def test_j_helps_inside_a_shell_too(option: str, user: User) -> None:
    words = f"j {option} && j power {option} && j power on {option} && j --version"
    shown = await user.run("jumplab", "shell", "-l", "board=x", "--", "sh", "-c", words)
    assert shown.status == 0, shown
    assert [line.split(" [")[0] for line in shown.out.splitlines() if line.startswith("Usage:")] == [
        "Usage: j", "Usage: j power", "Usage: j power on"
    ]  # fmt: skip
    assert f"j {version('jumplab')} (Python" in shown.out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
async def test_a_completion_script_is_printed(shell: str, stranger: User) -> None:
    printed = await stranger.run("jumplab", "completion", shell)
    assert printed.status == 0
    assert "_JUMPLAB_COMPLETE" in printed.out


async def test_completion_completes_commands(stranger: User) -> None:
    completed = await stranger.run(
        "jumplab", _JUMPLAB_COMPLETE="bash_complete", COMP_WORDS="jumplab get le", COMP_CWORD="2"
    )
    assert "leases" in completed.out
