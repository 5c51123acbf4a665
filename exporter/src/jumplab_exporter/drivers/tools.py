"""Programs of others that drivers call: found by name, and run without a shell."""

import os
import shlex
import shutil
from dataclasses import dataclass
from datetime import timedelta

from jumplab_exporter.drivers.shell_commands import Ended, run_program

_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
"""Where Debian puts programs that are root's; not every PATH has them."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A program.  name: of its file;  install: how it is installed, as the end of a sentence."""

    name: str
    install: str

    def find(self) -> str:
        """Its path. Raises FileNotFoundError with a sentence."""
        folders = os.pathsep.join((os.environ.get("PATH", os.defpath), *_FOLDERS))
        if path := shutil.which(self.name, path=folders):
            return path
        raise FileNotFoundError(f"the program {self.name} is not installed on the exporter's host; {self.install}")

    async def run(self, *arguments: str, timeout: timedelta) -> Ended:
        """Runs it until it ends, whatever its exit status. Raises FileNotFoundError, TimeoutError."""
        return await run_program((self.find(), *arguments), timeout, shown=shlex.join((self.name, *arguments)))
