"""shell/ssh against OpenSSH's sshd: what runs, what fails, and what each failure says."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from jumplab.driver import errors
from jumplab.drivers.shell import OutputTooLong, Transfer
from jumplab.testing import serve, serve_async
from jumplab_exporter.driver_factory import driver_class
from jumplab_exporter.drivers.shell.ssh import SshShell
from tests.counterparts import need
from tests.drivers.sshd import PASSWORD, Sshd, make_key, sshd_in

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEXzsVr7Nl3EWWpgxFDvPTIQUGgsUVc+xYC37bdZYQQW"
SETTINGS = {"host": "127.0.0.1", "user": "lab", "host_key": KEY, "password": {"from": "env", "name": "BOARD_PASSWORD"}}


@pytest.fixture(autouse=True)
def _variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOARD_PASSWORD", PASSWORD)


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    need("sshd")
    with sshd_in(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture(scope="module")
def board(sshd: Sshd) -> Iterator[Any]:
    with serve(shell=SshShell(**sshd.settings)) as board:
        yield board


def test_it_is_found_by_its_name() -> None:
    assert driver_class("shell/ssh") is SshShell


def test_both_outputs_and_the_exit_status_come_back(board: Any) -> None:
    result = board.shell.run(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (result.status, result.text, result.error_text) == (3, "out\n", "err\n")


def test_a_signal_is_told_as_a_shell_does(board: Any) -> None:
    assert board.shell.run(["sh", "-c", "kill -9 $$"]).status == 128 + 9


@pytest.mark.parametrize("size_bytes", [0, 1, 3 << 20])
def test_standard_input_reaches_the_command(board: Any, size_bytes: int) -> None:
    data = os.urandom(size_bytes)
    assert board.shell.run(["cat"], stdin=data).stdout == data


def test_a_command_need_not_read_what_it_is_given(board: Any) -> None:
    assert board.shell.run(["sh", "-c", "exec <&-; echo done"], stdin=bytes(8 << 20)).text == "done\n"


def test_words_arrive_as_they_are(board: Any) -> None:
    words = ["a b", "*", "$HOME", "it's", "", "ü", "-n", "x\ny"]
    assert board.shell.run(["printf", "%s|", *words]).text == "|".join(words) + "|"


def test_output_without_end_is_bounded(board: Any) -> None:
    with pytest.raises(OutputTooLong, match='"yes" has put out more than 1000000 bytes'):
        board.shell.run(["yes"], limit_bytes=1_000_000)


def test_a_command_is_ended_at_its_time_limit(board: Any, tmp_path: Path) -> None:
    with pytest.raises(TimeoutError, match='did not end within 2 s, and was ended; its output ends with "[0-9]+"'):
        board.shell.run(["sh", "-c", f"echo $$ | tee {tmp_path}/pid; exec sleep 1000"], timeout=2)
    _wait_for_end(int((tmp_path / "pid").read_text()))


async def test_a_command_whose_client_leaves_is_ended(sshd: Sshd) -> None:
    async with serve_async(shell=SshShell(**sshd.settings)) as board:
        async with board.shell.open("run", command=["sh", "-c", "echo $$; exec sleep 1000"]) as stream:
            pid = int((await stream.receive())[5:])
        await asyncio.to_thread(_wait_for_end, pid)


def _wait_for_end(pid: int) -> None:
    try:
        process = psutil.Process(pid)
    except psutil.NoSuchProcess:
        return
    psutil.wait_procs([process])


@pytest.mark.parametrize(
    ("command", "said"), [([], "the command is empty"), ([""], "the command is empty"), (["a\0"], "has a NUL in it")]
)
def test_what_is_no_command_is_refused(board: Any, command: list[str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        board.shell.run(command)


def test_a_missing_program_is_a_status(board: Any) -> None:
    result = board.shell.run(["no-such-program"])
    assert (result.status, "not found" in result.error_text) == (127, True)


def test_files_are_moved_and_replaced(board: Any, tmp_path: Path) -> None:
    data = os.urandom(3_000_000)
    moved = board.shell.upload(io.BytesIO(data), f"{tmp_path}/image", executable=True)
    assert moved == Transfer(len(data), hashlib.sha256(data).hexdigest())
    assert ((tmp_path / "image").read_bytes(), os.access(tmp_path / "image", os.X_OK)) == (data, True)
    board.shell.upload(io.BytesIO(b"new"), f"{tmp_path}/image")
    board.shell.download(f"{tmp_path}/image", tmp_path / "back")
    assert ((tmp_path / "back").read_bytes(), sorted(os.listdir(tmp_path))) == (b"new", ["back", "image"])


async def test_an_upload_that_is_given_up_leaves_what_was_there(sshd: Sshd, tmp_path: Path) -> None:
    (tmp_path / "image").write_text("old")
    async with serve_async(shell=SshShell(**sshd.settings)) as board:
        async with board.shell.open("upload", path=f"{tmp_path}/image") as stream:
            await stream.send(b"half")
        await board.shell.run(["true"])
    assert (tmp_path / "image").read_text() == "old"


@pytest.mark.parametrize("path", ["", "a/", "..", "a/..", "a\0b"])
def test_what_is_no_path_of_a_file_is_refused(board: Any, path: str) -> None:
    with pytest.raises(ValueError, match="is no path of a file"):
        board.shell.upload(io.BytesIO(b""), path)
    with pytest.raises(ValueError, match="is no path of a file"):
        board.shell.download(path, io.BytesIO())


def test_what_the_device_refuses_is_a_sentence(board: Any, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=f'"{tmp_path}/nothing" on 127.0.0.1:[0-9]+: No such file'):
        board.shell.download(f"{tmp_path}/nothing", io.BytesIO())
    with pytest.raises(OSError, match=f'"{tmp_path}/no/folder" on 127.0.0.1:[0-9]+: No such file'):
        board.shell.upload(io.BytesIO(b""), f"{tmp_path}/no/folder")
    with pytest.raises(OSError, match=f'"{tmp_path}" on .*: it is a folder'):
        board.shell.upload(io.BytesIO(b""), str(tmp_path))


@pytest.mark.needs("sshd")
def test_a_device_without_an_sftp_server_says_so(tmp_path: Path) -> None:
    with sshd_in(tmp_path, sftp="") as sshd, serve(shell=SshShell(**sshd.settings)) as board:
        with pytest.raises(OSError, match="it has no SFTP server .* install one there, as openssh-sftp-server"):
            board.shell.download("a", io.BytesIO())
        assert board.shell.run(["true"]).status == 0


@pytest.mark.needs("sshd")
def test_a_connection_that_is_lost_in_a_command_is_told_and_made_again(tmp_path: Path) -> None:
    with sshd_in(tmp_path) as sshd, serve(shell=SshShell(**sshd.settings)) as board:

        def cut(_: str, data: bytes) -> None:
            assert data == b"begun\n"
            sshd.server.cut()

        with pytest.raises(ConnectionError, match="was lost while .* ran; how that ended is unknown"):
            board.shell.run(["sh", "-c", "echo begun; exec sleep 1000"], on_output=cut)
        assert board.shell.run(["echo", "back"]).text == "back\n"
        assert sshd.server.connections == 2


@pytest.mark.needs("sshd")
def test_a_device_that_was_away_is_reached_when_it_is_back(tmp_path: Path) -> None:
    with sshd_in(tmp_path) as sshd, serve(shell=SshShell(**sshd.settings)) as board:
        sshd.server.close()
        with pytest.raises(ConnectionError, match=f"127.0.0.1:{sshd.server.port} can't be reached: Connection refused"):
            board.shell.run(["true"])
        sshd.server.listen()
        assert board.shell.run(["true"]).status == 0


@pytest.mark.needs("sshd")
@pytest.mark.needs("unshare")
def test_a_password_logs_in_and_a_wrong_one_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with sshd_in(tmp_path, password=True) as sshd:
        settings = {**sshd.settings, "private_key": None, "password": {"from": "env", "name": "BOARD_PASSWORD"}}
        with serve(shell=SshShell(**settings)) as board:
            assert board.shell.run(["true"]).status == 0
        monkeypatch.setenv("BOARD_PASSWORD", "another-word")
        with serve(shell=SshShell(**settings)) as board:
            with pytest.raises(OSError, match='refuses the user "board" with this `password`; correct it') as refused:
                board.shell.run(["true"])
            assert "another-word" not in str(refused.value)


def test_a_wrong_key_is_told(sshd: Sshd, tmp_path: Path) -> None:
    make_key(tmp_path / "other")
    settings = {**sshd.settings, "private_key": {"from": "file", "path": str(tmp_path / "other")}}
    with (
        serve(shell=SshShell(**settings)) as board,
        pytest.raises(OSError, match=f'refuses the user "{sshd.user}" with this `private_key`; correct it'),
    ):
        board.shell.run(["true"])


def test_another_host_key_is_refused_with_the_one_that_is_there(sshd: Sshd) -> None:
    with (
        serve(shell=SshShell(**{**sshd.settings, "host_key": KEY})) as board,
        pytest.raises(ConnectionError, match="has another host key than `host_key`: SHA256:") as refused,
    ):
        board.shell.run(["true"])
    assert f'configure host_key: "{sshd.host_key}"' in str(refused.value)


def test_a_host_key_of_another_kind_is_refused(sshd: Sshd, tmp_path: Path) -> None:
    make_key(tmp_path / "rsa", "-t", "rsa", "-b", "2048")
    host_key = " ".join((tmp_path / "rsa.pub").read_text().split()[:2])
    with (
        serve(shell=SshShell(**{**sshd.settings, "host_key": host_key})) as board,
        pytest.raises(ConnectionError, match=re.escape(f'configure host_key: "{sshd.host_key}"')),
    ):
        board.shell.run(["true"])


def test_what_is_no_ssh_server_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = {**SETTINGS, "port": silent.getsockname()[1], "timeout": "1s"}
        with serve(shell=SshShell(**settings)) as board, pytest.raises(TimeoutError, match="did not answer within 1 s"):
            board.shell.run(["true"])


async def test_a_server_of_something_else_is_told() -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.readline()
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        settings = {**SETTINGS, "port": server.sockets[0].getsockname()[1]}
        async with SshShell(**settings) as shell:
            with pytest.raises(ConnectionError, match="is it an SSH server"):
                await shell.check()


async def test_the_check_logs_in_and_runs_nothing(sshd: Sshd) -> None:
    assert not SshShell(**sshd.settings).has_check
    async with SshShell(**sshd.settings, required=True) as shell:
        assert shell.has_check
        await shell.check()


@pytest.mark.needs("sshd")
def test_a_key_with_a_passphrase_opens_with_it_alone(sshd: Sshd, tmp_path: Path) -> None:
    make_key(tmp_path / "locked", "-N", PASSWORD)
    key = {"from": "file", "path": str(tmp_path / "locked")}
    settings = {**sshd.settings, "private_key": key}
    with (
        serve(shell=SshShell(**settings)) as board,
        pytest.raises(ValueError, match="has a passphrase; set `passphrase`"),
    ):
        board.shell.run(["true"])
    with (
        serve(shell=SshShell(**{**settings, "passphrase": {"from": "env", "name": "PATH"}})) as board,
        pytest.raises(ValueError, match="can't be opened with this passphrase"),
    ):
        board.shell.run(["true"])
    opened = SshShell(**{**settings, "passphrase": {"from": "env", "name": "BOARD_PASSWORD"}})
    with serve(shell=opened) as board, pytest.raises(OSError, match="refuses the user"):  # the server does not know it
        board.shell.run(["true"])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"password": None}, "must have `password` or `private_key`"),
        ({"password": "word"}, "password: must say where the secret is"),
        ({"host_key": "AAAA"}, "it is no public key; write the line of"),
        ({"host_key": None}, "host_key"),
        ({"private_key": {"from": "file", "path": "/no/such/key"}}, "/no/such/key can't be read"),
        ({"passphrase": {"from": "env", "name": "BOARD_PASSWORD"}}, "passphrase: is for a `private_key`"),
        ({"port": 0}, "port: must be at least 1"),
    ],
)
def test_wrong_settings_are_refused_in_a_sentence(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(errors.ConfigurationInvalid, match=said):
        SshShell(**{**SETTINGS, **settings})
