"""shell/local: commands that are allowed run, and nothing else."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from jumplab.driver import errors
from jumplab.drivers.shell import OutputTooLong, Transfer
from jumplab.testing import serve, serve_async
from jumplab_exporter.driver_factory import driver_class
from jumplab_exporter.drivers.shell.local import LocalShell

_ALLOWED: dict[str, Any] = {
    "both": {"command": ["sh", "-c", "echo out; echo err >&2; exit 3"]},
    "cat": "cat",
    "endless": "yes",
    "sleep": "sleep 1000",
    "killed": {"command": ["sh", "-c", "kill -9 $$"]},
    "echo": {"command": "echo", "arguments": ["[a-z *;$-]+", "-[nv]"]},
    "where": "pwd",
    "environment": "env",
    "orphan": {"command": ["sh", "-c", "setsid sleep 1000 & echo $!"]},
    "deaf": {"command": ["sh", "-c", "exec <&-; echo done"]},
    "quiet": {"command": ["sh", "-c", "exec >&- 2>&-; cat > quiet"]},
    "missing": "/no/such/program",
}


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Any]:
    with serve(shell=LocalShell(commands=_ALLOWED, folder=tmp_path)) as board:
        yield board


def shell_with(commands: dict[str, Any], folder: Path | None = None) -> LocalShell:
    return LocalShell(commands=commands, folder=folder)


def test_it_is_found_by_its_name() -> None:
    assert driver_class("shell/local") is LocalShell


def test_both_outputs_and_the_exit_status_come_back(board: Any) -> None:
    result = board.shell.run(["both"])
    assert (result.status, result.text, result.error_text) == (3, "out\n", "err\n")


def test_a_signal_is_told_as_a_shell_does(board: Any) -> None:
    assert board.shell.run(["killed"]).status == 128 + 9


@pytest.mark.parametrize("size_bytes", [0, 1, 3 << 20])
def test_standard_input_reaches_the_command(board: Any, size_bytes: int) -> None:
    data = os.urandom(size_bytes)
    assert board.shell.run(["cat"], stdin=data).stdout == data


def test_standard_input_may_be_a_file(board: Any, tmp_path: Path) -> None:
    (tmp_path / "given").write_bytes(b"from a file")
    assert board.shell.run(["cat"], stdin=tmp_path / "given").stdout == b"from a file"
    assert board.shell.run(["cat"], stdin=io.BytesIO(b"from memory")).stdout == b"from memory"


def test_a_command_need_not_read_what_it_is_given(board: Any) -> None:
    assert board.shell.run(["deaf"], stdin=bytes(8 << 20)).text == "done\n"


def test_a_command_without_outputs_reads_all_that_it_is_given(board: Any, tmp_path: Path) -> None:
    data = os.urandom(3 << 20)
    assert board.shell.run(["quiet"], stdin=data).status == 0
    assert (tmp_path / "quiet").read_bytes() == data


def test_output_without_end_is_bounded(board: Any) -> None:
    with pytest.raises(OutputTooLong, match='"endless" has put out more than 1000000 bytes'):
        board.shell.run(["endless"], limit_bytes=1_000_000)


def test_output_can_be_taken_as_it_comes(board: Any) -> None:
    taken: list[tuple[str, bytes]] = []
    result = board.shell.run(["both"], on_output=lambda output, data: taken.append((output, data)))
    assert (sorted(taken), result.stdout) == ([("stderr", b"err\n"), ("stdout", b"out\n")], b"")


def test_a_command_is_ended_at_its_time_limit(board: Any) -> None:
    with pytest.raises(TimeoutError, match='"sleep" did not end within 0.2 s, and was ended'):
        board.shell.run(["sleep"], timeout=0.2)
    sleeping = [child for child in psutil.Process().children(recursive=True) if child.name() == "sleep"]
    psutil.wait_procs(sleeping)


async def test_a_command_whose_client_leaves_is_ended(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(1000)"]
    async with (
        serve_async(shell=shell_with({"wait": command})) as board,
        board.shell.open("run", command=["wait"]) as stream,
    ):
        process = psutil.Process(int((await stream.receive())[5:]))
    await asyncio.to_thread(psutil.wait_procs, [process])


def test_a_process_that_left_the_group_does_not_hold_the_call(board: Any) -> None:
    result = board.shell.run(["orphan"])
    psutil.Process(int(result.text)).kill()
    assert result.status == 0


def test_it_runs_in_its_folder_without_the_exporter_s_secrets(
    board: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELAY_PASSWORD", "a-secret-word")
    assert board.shell.run(["where"]).text == f"{tmp_path}\n"
    assert "a-secret-word" not in board.shell.run(["environment"]).text


def test_no_shell_reads_the_arguments(board: Any) -> None:
    assert board.shell.run(["echo", "a * ; $", "-n"]).text == "a * ; $ -n\n"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["rm", "-rf", "/"], '"rm" is none of the commands that this shell allows: both, cat'),
        (["sh", "-c", "id"], '"sh" is none of the commands'),
        (["cat", "/etc/passwd"], '"cat" takes no argument, not 1'),
        (["echo", "-e", "-n"], 'the argument "-e" looks like an option, which is not allowed here'),
        (["echo", "a", "-x"], 'the argument "-x" must match'),
        (["echo", "A", "-n"], 'the argument "A" must match'),
        (["echo", "a\n", "-n"], "must match"),
        (["echo", "a\0", "-n"], "has a NUL in it"),
        (["echo", "a"], '"echo" takes 2 arguments, not 1'),
        ([], "the command is empty"),
        ([""], "the command is empty"),
    ],
)
def test_what_is_not_allowed_is_refused(board: Any, command: list[str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        board.shell.run(command)


def test_a_line_is_refused_with_what_to_write(board: Any) -> None:
    with pytest.raises(errors.BadArguments, match=r'give its words, as \["ls", "-l"\], not a line'):
        board.shell.run("cat file")


def test_a_missing_program_is_a_status_and_fails_the_check(board: Any) -> None:
    result = board.shell.run(["missing"])
    assert (result.status, result.error_text) == (127, "/no/such/program: No such file or directory\n")


async def test_the_check_names_a_program_that_is_missing(tmp_path: Path) -> None:
    async with shell_with({"flash": "no-such-program -x"}) as shell:
        with pytest.raises(FileNotFoundError, match='no-such-program of the command "flash" was not found'):
            await shell.check()
    async with shell_with({"list": "ls"}, folder=tmp_path / "absent") as shell:
        with pytest.raises(FileNotFoundError, match="make the folder"):
            await shell.check()
    async with shell_with({"list": "ls"}, folder=tmp_path) as shell:
        await shell.check()


def test_files_are_moved_and_replaced(board: Any, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    data = os.urandom(1_000_000)
    moved = board.shell.upload(io.BytesIO(data), "sub/image", executable=True)
    assert moved == Transfer(len(data), hashlib.sha256(data).hexdigest())
    assert ((tmp_path / "sub/image").read_bytes(), os.access(tmp_path / "sub/image", os.X_OK)) == (data, True)
    board.shell.upload(io.BytesIO(b"new"), "sub/image")
    back = io.BytesIO()
    assert board.shell.download("sub/image", back).size_bytes == 3
    assert (back.getvalue(), os.listdir(tmp_path / "sub")) == (b"new", ["image"])


@pytest.mark.parametrize("path", ["../out", "/etc/passwd", "a/../../out", "", ".", "a\0b", "link", "over/file"])
def test_paths_that_lead_out_are_refused(board: Any, tmp_path: Path, path: str) -> None:
    outside = tmp_path.parent / "outside"
    outside.mkdir(exist_ok=True)
    (outside / "file").write_text("kept")
    (tmp_path / "link").symlink_to(outside / "file")
    (tmp_path / "over").symlink_to(outside)
    with pytest.raises(ValueError, match="must be one within the folder|symbolic link"):
        board.shell.download(path, io.BytesIO())
    if path != "link":  # itself it is replaced by a file, and what it led to stays
        with pytest.raises(ValueError, match="must be one within the folder|symbolic link"):
            board.shell.upload(io.BytesIO(b"new"), path)
    assert (outside / "file").read_text() == "kept"


async def test_an_upload_that_is_given_up_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "image").write_text("old")
    async with (
        serve_async(shell=LocalShell(commands=_ALLOWED, folder=tmp_path)) as board,
        board.shell.open("upload", path="image") as stream,
    ):
        await stream.send(b"half")
    assert ((tmp_path / "image").read_text(), os.listdir(tmp_path)) == ("old", ["image"])


def test_what_the_system_refuses_is_a_sentence(board: Any) -> None:
    with pytest.raises(OSError, match='"nothing" in .*: No such file or directory'):
        board.shell.download("nothing", io.BytesIO())
    with pytest.raises(OSError, match='"no/folder" in .*: No such file or directory'):
        board.shell.upload(io.BytesIO(b""), "no/folder")


def test_without_a_folder_no_files_are_moved() -> None:
    with (
        serve(shell=LocalShell(commands=_ALLOWED)) as board,
        pytest.raises(NotImplementedError, match="has no `folder` in its configuration"),
    ):
        board.shell.upload(io.BytesIO(b""), "a")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"commands": {}}, "commands: "),
        ({"commands": {"a": ""}}, "command"),
        ({"commands": {"a": {"command": "ls", "arguments": ["("]}}}, '"\\(" is no regular expression'),
        ({"commands": {"a": "ls"}, "folder": "here"}, "the path here must begin with /"),
        ({"commands": {"a": "ls"}, "shell": True}, "shell"),
        ({"commands": {"a": "echo 'x"}}, "commands"),
    ],
)
def test_wrong_settings_are_refused_in_a_sentence(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(errors.ConfigurationInvalid, match=said):
        LocalShell(**settings)
