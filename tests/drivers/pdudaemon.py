"""The real pdudaemon, with PDUs that are commands."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.counterparts import need, pdudaemon_program


@contextmanager
def daemon_in(folder: Path) -> Iterator[str]:
    """Its address; outlet N of its PDU "rack-1" is the file N, and "broken" fails always."""
    need("pdudaemon")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    bench = {"driver": "localcmdline", "cmd_on": f"echo on > {folder}/%s", "cmd_off": f"echo off > {folder}/%s"}
    broken = {"driver": "localcmdline", "cmd_on": "%d", "cmd_off": "%z", "retries": 1, "retrydelay": 0}
    config = {
        "daemon": {"hostname": "127.0.0.1", "port": port, "listener": "http", "logging_level": "INFO"},
        "pdus": {"rack-1": bench, "broken": broken},
        "aliases": {"board": {"hostname": "rack-1", "port": 8}},
    }
    file = folder / "pdudaemon.conf"
    file.write_text(json.dumps(config))
    command = [str(pdudaemon_program()), f"--conf={file}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as daemon:
        assert daemon.stdout is not None
        said = ""
        while "Listening on" not in said:
            said = daemon.stdout.readline()
            assert said, "pdudaemon has ended"
        reading = threading.Thread(target=daemon.stdout.read, name="output of pdudaemon")
        reading.start()
        yield f"http://127.0.0.1:{port}"
        daemon.terminate()
        reading.join()
