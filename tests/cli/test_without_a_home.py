"""A user without a home, as a container has it that runs under a random user id."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from jumplab.private_files import write_private
from tests.cli.user import PROGRAMS, Outcome, outcome_of
from tests.client.authority import Authority
from tests.client.bench import Bench
from tests.client.lab_double import config_for

OneSentence = Callable[[Outcome, int], str]
NOBODY = ("unshare", "--user", "--map-user=1234567", "--map-group=1234567")
NO_HOME = "user 1234567 has no home: HOME is not set, and /etc/passwd has no entry for this user"


def _can_be_nobody() -> bool:
    """Whether this machine lets its users have namespaces."""
    return shutil.which("unshare") is not None and subprocess.run([*NOBODY, "true"], check=False).returncode == 0


pytestmark = pytest.mark.skipif(not _can_be_nobody(), reason="it needs unshare (util-linux) and user namespaces")


async def run_as_nobody(program: str, *arguments: object, **environment: str) -> Outcome:
    process = await asyncio.create_subprocess_exec(
        *NOBODY,
        PROGRAMS / program,
        *map(str, arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": f"{PROGRAMS}:{os.environ['PATH']}", **environment},
        cwd="/",
    )
    return await outcome_of(process)


@pytest.mark.parametrize("command", [("get", "leases"), ("config", "client", "list"), ("config", "client", "use", "x")])
async def test_a_client_s_files_are_looked_for_in_vain_and_the_sentence_says_why(
    one_sentence: OneSentence, command: tuple[str, ...]
) -> None:
    sentence = one_sentence(await run_as_nobody("jumplab", *command), 2)
    assert f"{NO_HOME}; set HOME, JMP_CLIENT_CONFIG_HOME (a folder), or JMP_CLIENT_CONFIG (a file)" in sentence


async def test_a_named_file_is_enough(bench: Bench, authority: Authority, tmp_path: Path) -> None:
    write_private(tmp_path / "me.yaml", config_for(bench.port, authority).to_yaml().encode())
    command = ("shell", "-l", "board=x", "--", "j", "power", "on")
    outcome = await run_as_nobody("jumplab", *command, JMP_CLIENT_CONFIG=str(tmp_path / "me.yaml"))
    assert outcome.status == 0, outcome.err


async def test_an_exporter_s_file_is_looked_for_where_all_users_have_theirs() -> None:
    outcome = await run_as_nobody("jumplab-exporter", "check", "nobody")
    assert (outcome.status, outcome.err) == (
        2,
        "jumplab-exporter: /etc/jumpstarter/exporters/nobody.yaml: there is no such file; write it, or give its path "
        "or name\n",
    )


async def test_a_control_plane_wants_to_know_where_to_keep_things() -> None:
    outcome = await run_as_nobody("jumplab-operator", "standalone")
    assert (outcome.status, outcome.err) == (
        2,
        f"jumplab-operator: {NO_HOME}; choose a folder with --data-dir, or set HOME\n",
    )


async def test_an_operator_needs_no_home(tmp_path: Path) -> None:
    outcome = await run_as_nobody("jumplab-operator", "run", "--endpoint", "lab:7444")
    assert (outcome.status, outcome.err) == (
        2,
        "jumplab-operator: no cluster is named; give --kubeconfig, set KUBECONFIG, or run in a pod\n",
    )


async def test_a_home_of_somebody_else_is_named(tmp_path: Path, one_sentence: OneSentence) -> None:
    (tmp_path / ".config").mkdir(mode=0)
    sentence = one_sentence(await run_as_nobody("jumplab", "get", "leases", HOME=str(tmp_path)), 2)
    assert "Permission denied; set HOME to a folder of this user" in sentence
