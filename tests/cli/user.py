"""The real executables as processes, as somebody at a shell runs them."""

import asyncio
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from jumplab.client.config import ClientConfig
from jumplab.client.config_files import ConfigFiles
from jumplab.private_files import write_private

PROGRAMS = Path(sys.executable).parent
FOREIGN = ("JMP_", "JUMPLAB_", "PYTEST_", "CI", "COLUMNS", "LINES")
"""Variables of the person or pipeline that runs the tests; a program that a test starts does not get them."""


@dataclass
class Outcome:
    status: int
    out: str
    err: str

    @property
    def last_line(self) -> str:
        """The last line on standard error, without the one on the release of the lease."""
        return [line for line in self.err.splitlines() if not line.startswith("jumplab: released lease ")][-1]


@dataclass
class User:
    """Somebody at a shell, with a home of their own."""

    home: Path
    more: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        path = f"{PROGRAMS}:{kept['PATH']}"
        return kept | {"HOME": str(self.home), "XDG_CONFIG_HOME": "", "PATH": path, "SHELL": "/bin/sh"} | self.more

    @property
    def places(self) -> ConfigFiles:
        return ConfigFiles.of(self.environment)

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

    async def run(self, program: str, *arguments: str, stdin: str | None = None, **more: str) -> Outcome:
        process = await self.start(program, *arguments, typing=stdin is not None, **more)
        return await outcome_of(process, stdin)


async def outcome_of(process: asyncio.subprocess.Process, stdin: str | None = None) -> Outcome:
    out, err = await process.communicate(None if stdin is None else stdin.encode())
    assert process.returncode is not None
    return Outcome(process.returncode, out.decode(), err.decode())
