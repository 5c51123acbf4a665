"""The agent of snmpsim, with an outlet of each model; a relay's control and state are two OIDs there."""

from __future__ import annotations

import grp
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from getpass import getuser
from pathlib import Path

from jumplab_exporter.drivers.power.snmp_models import MODELS

_ENGINE = "80004fb805636c6f75644dab22cc"
GENERIC = "1.3.6.1.4.1.99999.1.1"


def records() -> str:
    lines = [
        (f"{GENERIC}.0", "2:pdu", "generic/5/6"),
        (f"{GENERIC}.9", "2", "77"),
        ("1.3.6.1.2.1.1.5.0", "4", "a pdu"),
    ]
    for model, outlet in MODELS.items():
        for number in (1, 2, 8):
            if outlet.state_oid != outlet.oid:
                state = f"{model}{number}/{outlet.state_on}/{outlet.state_off}"
                lines.append((f"{outlet.state_oid}.{number}", "2:pdu", state))
            lines.append((f"{outlet.oid}.{number}", "2:pdu", f"{model}{number}/{outlet.on}/{outlet.off}"))
    lines.sort(key=lambda line: [int(part) for part in line[0].split(".")])
    return "".join(f"{'|'.join(line)}\n" for line in lines)


@contextmanager
def agent_in(folder: Path, *, community: str, auth: str, privacy: str, port: int = 0) -> Iterator[int]:
    """Its port on 127.0.0.1. Its user is lab, with SHA256 and AES; the community is the context, too.

    port: the one of an agent that is started again; 0: a free one.
    """
    data = folder / "data"
    data.mkdir(exist_ok=True)
    (data / f"{community}.snmprec").write_text(records())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", port))
        number: int = free.getsockname()[1]
    words = {"data-dir": data, "cache-dir": folder / "cache", "agent-udpv4-endpoint": f"127.0.0.1:{number}"}
    words |= {"variation-modules-dir": Path(__file__).parent / "snmpsim_modules", "log-level": "info"}
    users = ["--v3-user=lab", f"--v3-auth-key={auth}", "--v3-auth-proto=SHA256"]
    users += [f"--v3-priv-key={privacy}", "--v3-priv-proto=AES"]
    command = [str(Path(sys.executable).with_name("snmpsim-command-responder"))]
    # A PDU's own never changes; the agent's would with each process. What follows is of this engine.
    command += [f"--v3-engine-id={_ENGINE}"]
    command += [f"--{name}={value}" for name, value in words.items()]
    command += [f"--process-user={getuser()}", f"--process-group={grp.getgrgid(os.getgid()).gr_name}", *users]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as agent:
        assert agent.stdout is not None
        said = ""
        while "Listening at UDP/IPv4" not in said:
            said = agent.stdout.readline()
            assert said, "snmpsim has ended"
        reading = threading.Thread(target=agent.stdout.read, name="output of snmpsim")
        reading.start()
        yield number
        agent.terminate()
        reading.join()
