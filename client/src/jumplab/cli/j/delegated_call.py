"""A delegated call: a plain call of `j` that the leased shell's own process makes, which has loaded all it needs.

`j` sends one line of JSON, `{"token", "member", "words", "patience"}`, and gets lines until its end: `{"said"}` for a
person, `{"out"}` for standard output, `{"progress"}`, and last `{"status"}`, or `{"elsewhere"}` where nothing was done
and `j` is to see to it itself. Hanging up gives the call up. This module imports next to nothing: it is most of what
`j` loads.
"""

import json
import os
import signal
import socket
import sys

_ENDING_BOUND_SECONDS = 5.0
_INTERRUPTED, _NOBODY_READS = 130, 141

# Without `typing`: to import that takes longer than the rest of this module.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import ExitStack
    from typing import Any


def run(words: "list[str]", environment: "Mapping[str, str]") -> "int | None":
    """The exit status; None where `j` is to do it itself."""
    socket_path, token = environment.get("JUMPLAB_CALL_SOCKET"), environment.get("JUMPLAB_SOCKET_TOKEN")
    members, member = members_in(environment.get("JUMPLAB_MEMBERS", "")), ""
    if members and words and words[0] in members:
        member, *words = words
    if not socket_path or not token or not words or (members and not member):
        return None
    if sys.stdout is None or sys.stderr is None:  # closed ones are for the whole `j`, which knows what to do
        return None
    request = {
        "token": token,
        "member": member,
        "words": words,
        "patience": environment.get("JUMPLAB_RECONNECT_SECONDS"),
    }
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(socket_path)
            connection.sendall(json.dumps(request).encode() + b"\n")
        except OSError:
            return None
        before = signal.getsignal(signal.SIGINT)
        try:
            if before is signal.SIG_DFL:  # from here on Ctrl-C hangs up in order
                signal.signal(signal.SIGINT, signal.default_int_handler)
            return _follow(connection)
        except KeyboardInterrupt:
            return _given_up(connection)
        except BrokenPipeError:
            # Whoever read the output has left.
            _discard_output()
            return _NOBODY_READS
        except OSError as error:
            _discard_output()
            _print_note(f"j: standard output can't be written: {error.strerror}")
            return 1
        finally:
            signal.signal(signal.SIGINT, before)


def members_in(variable: str) -> "dict[str, str]":
    """The sockets of a lease of several exporters by the members' names, as JUMPLAB_MEMBERS has them."""
    return dict(pair.split("=", 1) for pair in variable.split(os.pathsep) if pair)


def _follow(connection: socket.socket) -> "int | None":
    from contextlib import ExitStack

    with ExitStack() as stack:
        show_progress = None
        for line in _lines(connection):
            answer = json.loads(line)
            if "progress" in answer:
                show_progress = show_progress or _display(stack)
                show_progress(answer["progress"])
            if "said" in answer:
                _print_note(answer["said"])
            if "out" in answer:
                _print_result(answer["out"])
            if "elsewhere" in answer:
                return None
            if "status" in answer:
                return int(answer["status"])
    _print_note("j: the leased shell has ended; whether the call was carried out is unknown, and it is not repeated")
    return 1


def _print_result(text: str) -> None:
    """As `exit_status.print_result`, which takes longer to load than the call takes."""
    if sys.stdout.isatty():
        from jumplab.control_sequences import printable

        text = printable(text)
    print(text, flush=True)


def _lines(connection: socket.socket) -> "Iterator[bytes]":
    """The shell's answers. A shell that was killed ends them."""
    with connection.makefile("rb") as answers:
        while True:
            try:
                line = answers.readline()
            except OSError:
                return
            if not line.endswith(b"\n"):
                return
            yield line


def _given_up(connection: socket.socket) -> int:
    """Hangs up, and waits a moment until the call has been cancelled."""
    try:
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(_ENDING_BOUND_SECONDS)
        while connection.recv(4096):
            pass
    except (OSError, KeyboardInterrupt):
        pass
    return _INTERRUPTED


def _discard_output() -> None:
    """Writing the rest at exit would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_note(text: str) -> None:
    try:
        # Also while a terminal shows a console: a line feed alone does not go back then.
        sys.stderr.write(text + ("\r\n" if sys.stderr.isatty() else "\n"))
        sys.stderr.flush()
    except OSError:  # nobody can be told
        pass


def _display(stack: "ExitStack") -> "Any":
    from jumplab.cli import progress
    from jumplab.driver import Progress

    show = stack.enter_context(progress.display("j"))
    return lambda variable: show(Progress(*variable))
