"""`j shell run`, `upload` and `download`."""

from pathlib import Path
from typing import Any

from jumplab_exporter.drivers.shell.local import LocalShell
from tests.cli.user import User
from tests.client.authority import Authority
from tests.client.bench import bench_of
from tests.client.lab_double import LabDouble, config_for

SHELL = ("shell", "-l", "board=x", "--name", "demo", "--", "sh", "-c")
COMMANDS: dict[str, Any] = {
    "both": {"command": ["sh", "-c", "echo out; echo err >&2; exit 3"]},
    "cat": "cat",
    "sleep": "sleep 1000",
}


async def test_commands_and_files_from_a_shell(
    lab: LabDouble, authority: Authority, stranger: User, tmp_path: Path
) -> None:
    (tmp_path / "served").mkdir()
    (tmp_path / "given").write_text("given")
    shell = LocalShell(commands=COMMANDS, folder=tmp_path / "served")
    async with bench_of(lab, authority, {"host": shell}) as bench:
        stranger.configure(config_for(bench.port, authority))
        steps = (
            "j host run both; echo status $?",
            f"j host run --stdin {tmp_path}/given cat; echo",
            "echo piped | j host run --stdin - -- cat",
            f"j host upload {tmp_path}/given image",
            "j host download image -; echo",
            "j host run --timeout 100ms sleep; echo status $?",
            "j host run rm -rf /; echo status $?",
            "j host download ../given -; echo status $?",
        )
        said = await stranger.run("jumplab", *SHELL, "\n".join(steps))
    assert said.status == 0, said
    assert "out\nstatus 3\ngiven\npiped\nuploaded 5 bytes, sha256 " in said.out
    assert "\ngiven\nstatus 1\nstatus 1\nstatus 1\n" in said.out
    sentences = ("err\n", "did not end within 0.1 s", '"rm" is none of the commands', "must be one within the folder")
    assert all(sentence in said.err for sentence in sentences)
