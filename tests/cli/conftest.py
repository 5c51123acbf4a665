"""The real executables as processes, against a lab at the wire."""

import asyncio
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from jumplab.client.config import ClientConfig
from jumplab.client.config_files import Places
from jumplab.private_files import write_private
from tests.client import conftest as at_the_wire
from tests.client.authority import Authority
from tests.client.bench import Bench
from tests.client.lab_double import config_for

PROGRAMS = Path(sys.executable).parent

authority, lab, bench = at_the_wire.authority, at_the_wire.lab, at_the_wire.bench


@dataclass
class Outcome:
    status: int
    out: str
    err: str


@dataclass
class User:
    """Somebody at a shell, with a home of their own."""

    home: Path
    more: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("JMP_", "JUMPLAB_"))}
        path = f"{PROGRAMS}:{kept['PATH']}"
        return kept | {"HOME": str(self.home), "XDG_CONFIG_HOME": "", "PATH": path, "SHELL": "/bin/sh"} | self.more

    @property
    def places(self) -> Places:
        return Places.of(self.environment)

    def configure(self, config: ClientConfig, name: str = "ci") -> None:
        write_private(self.places.client_path(name), config.to_yaml().encode())
        self.places.use_client(name)

    async def start(
        self, program: str, *arguments: str, typing: bool = False, **more: str
    ) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            PROGRAMS / program,
            *arguments,
            stdin=pipe if typing else asyncio.subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            env=self.environment | more,
            start_new_session=True,
        )

    async def run(self, program: str, *arguments: str, **more: str) -> Outcome:
        process = await self.start(program, *arguments, **more)
        return await outcome_of(process)


async def outcome_of(process: asyncio.subprocess.Process) -> Outcome:
    out, err = await process.communicate()
    assert process.returncode is not None
    return Outcome(process.returncode, out.decode(), err.decode())


@pytest.fixture
def stranger(tmp_path: Path) -> User:
    """A user without any configuration."""
    return User(tmp_path)


@pytest.fixture
def user(stranger: User, bench: Bench, authority: Authority) -> User:
    """A user whose client is configured."""
    stranger.configure(config_for(bench.port, authority))
    return stranger


@pytest.fixture
def one_sentence() -> Callable[[Outcome, int], str]:
    """Asserts how a failed command must end: its status, one line on standard error, nothing on standard output."""

    def check(outcome: Outcome, status: int) -> str:
        assert outcome.status == status, outcome
        assert outcome.out == ""
        assert outcome.err.count("\n") == 1, outcome.err
        assert outcome.err.startswith(("jumplab: ", "j: "))
        assert "Traceback" not in outcome.err
        return outcome.err

    return check
