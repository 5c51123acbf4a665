"""Runs a command, and kills its whole process group as soon as the process that asked for it is gone.

Run as a script: `python -I -S guard.py LIFELINE COMMAND…`, as the leader of a session of its own. LIFELINE is the
reading end of a pipe whose writing end the exporter holds: the kernel closes it however the exporter dies, `kill -9`
included. A terminal that is standard input becomes the session's controlling one. It imports nothing but the standard
library, since it starts with every child.
"""

import ctypes
import fcntl
import os
import select
import signal
import sys
import termios

PR_SET_PDEATHSIG = 1
EXIT_COMMAND_NOT_RUN = 127
_THE_COMMANDS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP)
"""Signals of the group, or keys of its terminal, that are for the command alone."""


def _become(command: list[str], lifeline: int) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.close(lifeline)
    for number in _THE_COMMANDS:
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr, flush=True)
        os._exit(EXIT_COMMAND_NOT_RUN)


def _watch(child: int, lifeline: int) -> int:
    """Returns the command's exit status; does not return if the exporter goes first."""
    process = os.pidfd_open(child)
    readable, _, _ = select.select([process, lifeline], [], [])
    if process not in readable:
        os.killpg(0, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def main() -> None:
    lifeline, command = int(sys.argv[1]), sys.argv[2:]
    # The command decides what to do at a SIGTERM of its group; the guard stays until it has.
    for number in _THE_COMMANDS:
        signal.signal(number, signal.SIG_IGN)
    if os.isatty(0):
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    child = os.fork()
    if child == 0:
        _become(command, lifeline)
    devnull = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(devnull, standard)
    code = _watch(child, lifeline)
    os._exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
