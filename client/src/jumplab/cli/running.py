"""Runs the asynchronous part of a command, so that signals, and the end of its parent, end it in order."""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

from jumplab.cli.exit_status import Interrupted
from jumplab.cli.parent_process import ParentProcess

T = TypeVar("T")

_ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption(NamedTuple):
    """A request to end: a signal, or the end of the parent, which counts as SIGTERM."""

    number: int
    parent_ended: bool = False


class Interruptions:
    """Gives each interruption to its receiver: at first the one that cancels the command.

    with_parent: whether the end of the parent is one.
    """

    def __init__(self, receiver: Callable[[Interruption], None], *, with_parent: bool) -> None:
        self._receiver = receiver
        self.with_parent = with_parent

    def take_over(self, receiver: Callable[[Interruption], None]) -> None:
        """From now on `receiver` gets them, and nothing else happens."""
        self._receiver = receiver

    def arrived(self, interruption: Interruption) -> None:
        self._receiver(interruption)


def run(work: Coroutine[Any, Any, T], parent: ParentProcess | None = None) -> T:
    """Runs a command's asynchronous part. The first SIGINT, SIGTERM or SIGHUP cancels it, further ones change nothing
    (what it cleans up is bounded); raises Interrupted once it has ended.

    parent: is watched; its end counts as SIGTERM.
    """
    return run_interruptible(lambda _: work, parent)


def run_interruptible(
    work: Callable[[Interruptions], Coroutine[Any, Any, T]], parent: ParentProcess | None = None
) -> T:
    """As `run`, for work that may take the interruptions over."""
    return asyncio.run(_interruptible(work, parent))


async def _interruptible(work: Callable[[Interruptions], Coroutine[Any, Any, T]], parent: ParentProcess | None) -> T:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    received: list[int] = []

    def cancel(interruption: Interruption) -> None:
        if not received:
            received.append(interruption.number)
            task.cancel()

    interruptions = Interruptions(cancel, with_parent=parent is not None)
    for number in _ENDING_SIGNALS:
        if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # as nohup wants it
            loop.add_signal_handler(number, interruptions.arrived, Interruption(number))
    watching = None if parent is None else loop.create_task(_watch(parent, interruptions), name="watch of the parent")
    try:
        return await work(interruptions)
    except asyncio.CancelledError:
        if received:
            raise Interrupted(received[0]) from None
        raise
    finally:
        if watching is not None:
            watching.cancel()


async def _watch(parent: ParentProcess, interruptions: Interruptions) -> None:
    await parent.ended()
    interruptions.arrived(Interruption(signal.SIGTERM, parent_ended=True))


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """For a command without an event loop: the first SIGINT, SIGTERM or SIGHUP raises Interrupted here, further ones
    change nothing."""
    received: list[int] = []

    def interrupt(number: int, _: object) -> None:
        if not received:
            received.append(number)
            raise Interrupted(number)

    before = {number: signal.signal(number, interrupt) for number in _ENDING_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def signals_postponed() -> Iterator[None]:
    """What must not be left half done: a signal takes effect after it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING_SIGNALS)
