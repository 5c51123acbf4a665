"""A command as a job of its own: a process group, which has the terminal as long as this process could have it.

A key such as Ctrl-C then reaches the command's processes alone, and a signal for this process is never meant for both.
As in a shell, a job that is stopped gives the terminal back; this process stops with it, and they continue together.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress

from jumplab.children import Spawned, spawn
from jumplab.client.errors import ConfigurationError

_LOOK_SECONDS = 0.05
_GUARD = """
read -r group || exit
read -r end
kill -s TERM -- "-$group" && kill -s CONT -- "-$group"
for second in 1 2 3 4 5 6 7 8 9 10; do kill -s 0 -- "-$group" || exit; sleep 1; done
kill -s KILL -- "-$group"
"""
"""Reads a process group, and ends it once its own standard input ends, since nobody is left to write there."""
_WANT_TERMINAL = (signal.SIGTTIN, signal.SIGTTOU)
_OF_THE_JOB = (signal.SIGCHLD, signal.SIGCONT, signal.SIGTSTP, signal.SIGQUIT)


class Job:
    """A command that runs, or has ended. Made by `started`."""

    def __init__(self, process: Spawned, terminal: int | None, *, wants_terminal: bool) -> None:
        self._process = process
        self._terminal = terminal
        self._wants_terminal = wants_terminal

    @property
    def _group(self) -> int:
        return self._process.pid

    def send_signal(self, number: int) -> None:
        """Sends a signal to all processes of the command's group, stopped ones too; nothing where there is none."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._group, number)
            if number != signal.SIGKILL:
                os.killpg(self._group, signal.SIGCONT)

    async def wait(self) -> int:
        """The command's exit status, 128 + the number of the signal that ended it; without a bound."""
        status = await self._process.wait()
        self._give_terminal(self._group, os.getpgrp())
        return status if status >= 0 else 128 - status

    async def until_empty(self) -> None:
        """Waits until no process of the group is left; without a bound."""
        with suppress(ProcessLookupError, PermissionError):
            while True:
                os.killpg(self._group, 0)
                await asyncio.sleep(_LOOK_SECONDS)  # others' children tell nobody of their end

    def on_signal(self, number: int) -> None:
        """Does what a shell does when it gets one of the signals of job control."""
        match number:
            case signal.SIGCHLD:
                self.on_child()
            case signal.SIGCONT:
                self.on_continue()
            case signal.SIGTSTP:
                self.on_stop()
            case _:
                self.send_signal(number)

    def on_child(self) -> None:
        """Looks whether the command has been stopped, and does what a shell does then."""
        if not hasattr(os, "waitid"):  # macOS before Python 3.13
            return
        try:
            changed = os.waitid(os.P_PID, self._group, os.WSTOPPED | os.WNOHANG)
        except ChildProcessError:  # it has ended
            return
        if changed is None or self._terminal is None:
            return
        if changed.si_status in _WANT_TERMINAL and self._foreground() in (self._group, os.getpgrp()):
            self._wants_terminal = True
            self.on_continue()
        else:
            self._stop_too()

    def on_stop(self) -> None:
        """Hands on that this process is to stop; it does so once the command has stopped."""
        with suppress(ProcessLookupError):
            os.killpg(self._group, signal.SIGTSTP)

    def on_continue(self) -> None:
        """Continues the command, in the foreground where it is to be there and this process is."""
        self.offer_terminal()
        with suppress(ProcessLookupError):
            os.killpg(self._group, signal.SIGCONT)

    def offer_terminal(self) -> None:
        """Gives the command the terminal, if it wants it, and it is this process'."""
        if self._wants_terminal:
            self._give_terminal(os.getpgrp(), self._group)

    def _stop_too(self) -> None:
        self._give_terminal(self._group, os.getpgrp())
        before = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        try:
            os.kill(0, signal.SIGTSTP)  # the whole job that this process is in; returns when it is continued
        finally:
            signal.signal(signal.SIGTSTP, before)
        self.on_continue()

    def _foreground(self) -> int | None:
        if self._terminal is None:
            return None
        try:
            return os.tcgetpgrp(self._terminal)
        except OSError:  # the terminal has gone
            return None

    def _give_terminal(self, holder: int, receiver: int) -> None:
        if self._terminal is not None and self._foreground() == holder:
            with suppress(OSError):
                os.tcsetpgrp(self._terminal, receiver)


@contextmanager
def started(command: Sequence[str], environment: Mapping[str, str], *, guarded: bool) -> Iterator[Job]:
    """Starts a command. While the context lasts it is looked after, in a loop that runs. Raises ConfigurationError.

    guarded: the command is ended, too, where this process is killed.
    """
    with ExitStack() as stack:
        stack.enter_context(_handled(lambda number: job.on_signal(number)))  # the loop calls it when there is a job
        terminal = stack.enter_context(_terminal())
        guard = stack.enter_context(_guard()) if guarded else None  # before the command, which may be quick
        try:
            process = spawn(command, environment=environment, own_group=True)
        except OSError as error:
            raise ConfigurationError(f"can't run {command[0]}: {error.strerror}") from error
        if guard is not None:
            guard(process.pid)
        # In a pipeline another program may be the one that reads the keys; the command gets the terminal when it reads.
        job = Job(process, terminal, wants_terminal=sys.stdin.isatty() and sys.stdout.isatty())
        # From here on this process may be in the background: it must neither be stopped for what it writes to the
        # terminal, nor for giving the terminal away. The command does not inherit that.
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTTOU,))
        job.offer_terminal()
        try:
            job.on_child()  # it may have stopped already, for want of the terminal
            yield job
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTTOU,))


@contextmanager
def _handled(handle: Callable[[int], None]) -> Iterator[None]:
    """While the context lasts, the loop hands on the signals that would stop or end this process and not its command.

    Set up before the command is there: it may be known to others before this process comes to it again.
    """
    loop = asyncio.get_running_loop()
    for number in _OF_THE_JOB:
        loop.add_signal_handler(number, handle, number)
    try:
        yield
    finally:
        for number in _OF_THE_JOB:
            loop.remove_signal_handler(number)


@contextmanager
def _guard() -> Iterator[Callable[[int], None]]:
    """Starts a process in a session of its own, and tells it which process group to end where this process is killed.

    While the context lasts; what it yields is called with the group. A command stays where this process is killed in
    the moment between its start and that call.
    """
    command = ["/bin/sh", "-c", _GUARD, "jumplab-guard"]
    null = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=null, stderr=null, start_new_session=True) as guard:
        assert guard.stdin is not None
        descriptor = guard.stdin.fileno()

        def watch(group: int) -> None:
            with suppress(BrokenPipeError):  # somebody has killed it
                os.write(descriptor, f"{group}\n".encode())

        try:
            yield watch
        finally:
            guard.kill()


@contextmanager
def _terminal() -> Iterator[int | None]:
    """The controlling terminal, where there is one."""
    try:
        descriptor = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)
