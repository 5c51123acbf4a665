"""A real broker: mosquitto, on a free port of this machine, with one user."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

# Debian puts it where only root looks.
MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")

USER, PASSWORD = "bench", "a-secret-word"


class Mosquitto:
    """Use as `with`. It can be stopped, and started again at the same port.

    anonymous: whether it takes clients without a user.
    """

    def __init__(self, folder: Path, *, anonymous: bool = False) -> None:
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        subprocess.run(["mosquitto_passwd", "-b", "-c", folder / "users", USER, PASSWORD], check=True)
        (folder / "users").chmod(0o644)
        (folder / "broker.conf").write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous {str(anonymous).lower()}\n"
            f"password_file {folder}/users\nuser root\n"
        )

    def start(self) -> None:
        assert MOSQUITTO is not None
        command = [MOSQUITTO, "-c", str(self._folder / "broker.conf")]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        said = []
        for line in self._process.stderr:
            said.append(line)
            if " running" in line:
                return
        raise AssertionError("".join(said))

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.communicate()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
