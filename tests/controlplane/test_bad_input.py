"""What keeps a control plane from starting is one sentence and an exit status."""

import asyncio
import socket
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from tests.worlds.one_machine import PATIENCE_SECONDS, Plane, start


async def outcome(data_dir: Path, *options: str) -> tuple[int | None, str]:
    process = await start(data_dir, *options)
    async with asyncio.timeout(PATIENCE_SECONDS):
        _, told = await process.communicate()
    return process.returncode, told.decode()


async def test_a_data_directory_of_a_running_instance(plane: Plane) -> None:
    status, told = await outcome(plane.data_dir, "--port", "0", "--grpc-port", "0")
    assert status == 1
    assert told == (
        f"jumplab-operator: the data directory {plane.data_dir} is in use by process {plane.process.pid}; "
        "stop that process or choose another directory with --data-dir\n"
    )


@pytest.mark.parametrize("content", ["", " \n"])
async def test_an_empty_token_of_the_administrator(tmp_path: Path, content: str) -> None:
    file = tmp_path / "data" / "admin.token"
    file.parent.mkdir()
    file.write_text(content)
    status, told = await outcome(file.parent, "--port", "0", "--grpc-port", "0")
    assert status == 2
    assert told == (
        f"jumplab-operator: {file} is empty; remove it for a new token, or write one of 16 or more random characters\n"
    )


@pytest.mark.parametrize(("taken", "free"), [("--port", "--grpc-port"), ("--grpc-port", "--port")])
async def test_a_port_in_use(tmp_path: Path, taken: str, free: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        status, told = await outcome(tmp_path / "data", taken, str(port), free, "0")
    assert status == 1
    assert told.startswith("jumplab-operator: the ")
    assert f"port {port}" in told
    assert told.count("\n") == 1


async def started_on(kubeconfig: Path) -> asyncio.subprocess.Process:
    command = [sys.executable, "-c", "from jumplab_operator.main import main; main()", "run"]
    given = ["--endpoint", "lab:7444", "--listen", "127.0.0.1:0", "--kubeconfig", str(kubeconfig)]
    return await asyncio.create_subprocess_exec(*command, *given, stderr=PIPE)


async def run_on(kubeconfig: Path) -> tuple[int | None, str]:
    process = await started_on(kubeconfig)
    async with asyncio.timeout(PATIENCE_SECONDS):
        _, told = await process.communicate()
    return process.returncode, told.decode()


WITH_TOKEN = (
    "current-context: c\ncontexts: [{{name: c, context: {{cluster: k, user: u}}}}]\n"
    "clusters: [{{name: k, cluster: {{server: 'https://127.0.0.1:1'}}}}]\nusers: [{{name: u, user: {{token: {}}}}}]\n"
)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "can't be read: No such file or directory"),
        ("[1, 2", "is not YAML"),
        ("apiVersion: v1\nkind: Config\n", "is not a kubeconfig"),
        ("just words", "is not a kubeconfig"),
        (WITH_TOKEN.format("'  '"), 'the user "u" in'),
        (WITH_TOKEN.format("'two words'"), "has a token with white space in it"),
        (WITH_TOKEN.replace("token", "tokenFile").format("/dev/null"), "has no token"),
        (WITH_TOKEN.replace("token", "tokenFile").format("5"), "has 5 where the path of a file is expected"),
        (WITH_TOKEN.replace("{{token: {}}}", "null").format(), "is not a kubeconfig"),
        (
            WITH_TOKEN.format("t").replace("'}}", "', certificate-authority-data: x}}"),
            "neither PEM certificates nor the base64 of them",
        ),
    ],
)
async def test_a_kubeconfig_that_is_none(tmp_path: Path, content: str | None, words: str) -> None:
    file = tmp_path / "kubeconfig"
    if content is not None:
        file.write_text(content)
    status, told = await run_on(file)
    assert status == 2
    assert str(file) in told
    assert words in told
    assert "Traceback" not in told


async def test_a_kubernetes_api_that_is_not_there_is_waited_for_in_words(tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(WITH_TOKEN.format("t"))
    process = await started_on(file)
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        told = await process.stderr.readline()
        process.terminate()
        rest, status = await process.stderr.read(), await process.wait()
    assert "the Kubernetes API at https://127.0.0.1:1 can't be reached" in told.decode()
    assert "trying again" in told.decode()
    assert "Traceback" not in rest.decode()
    assert status == 0
