"""A process that serves a control plane, to what ends it; again from the beginning if its machine's clock was set."""

import asyncio
import logging
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import UTC, datetime

import click

from jumplab import event_loop
from jumplab.audit_log import AuditLog
from jumplab.exit_status import print_sentence
from jumplab.log_format import JsonFormatter, UtcFormatter, set_up_logging
from jumplab_operator import clock, descriptors
from jumplab_operator.control_plane import Running
from jumplab_operator.errors import ApiRefused, CannotStart
from jumplab_operator.gc_tuning import collect_garbage
from jumplab_operator.health import answering
from jumplab_operator.leadership.election import Process
from jumplab_operator.memory import give_back_memory

PROGRAM = "jumplab-operator"

log = logging.getLogger(__name__)

Plane = AbstractAsyncContextManager[Running]


def run_plane(
    plane: Callable[[Process], Plane],
    told: Callable[[Running], str],
    health: str = "",
    audit_log: AuditLog | None = None,
    log_format: str = "text",
) -> None:
    """Runs a control plane to its end: a signal, or the lead that another operator has.

    plane: makes it, for the process that it is to run in.  told: what a person is told once it serves.  health: the
    address of the probes, or "".  audit_log: not entered yet.  log_format: "text" or "json". Raises CannotStart, and
    what `plane` raises.
    """
    text = UtcFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    set_up_logging(logging.INFO, JsonFormatter() if log_format == "json" else text)
    logging.getLogger("kopf").setLevel(logging.ERROR)  # it logs each event, and that it doesn't own the main thread
    descriptors.raise_limit()
    try:
        with audit_log or nullcontext():
            event_loop.run(_until_stopped(plane, told, health))
    except* ApiRefused as group:
        raise CannotStart(f"the Kubernetes API refused what the operator needs: {_first(group)}") from group


def _first(error: BaseException) -> BaseException:
    """The first error in nested groups: each task group around a failure wraps it."""
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


async def _until_stopped(plane: Callable[[Process], Plane], told: Callable[[Running], str], health: str) -> None:
    """Serves until the process is to stop; again from the beginning whenever the machine's clock was set."""
    while await _served(plane, told, health):
        told = _told_again


async def _served(plane: Callable[[Process], Plane], told: Callable[[Running], str], health: str) -> bool:
    """Serves until the process is to stop, or the machine's clock was set: whether it was."""
    stopping, serving, main_task = asyncio.Event(), False, asyncio.current_task()
    was_set = was_asked = False

    async def follow_clock() -> None:
        nonlocal was_set
        step = await clock.until_set()
        was_set = True
        log.warning(
            "this machine's clock was set %s and says %s; the control plane starts again with it, and each lease keeps "
            "what is left of it",
            clock.in_words(step), f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        )  # fmt: skip
        stopping.set()

    def stop() -> None:
        nonlocal was_asked
        was_asked = True
        stopping.set()
        if not serving and main_task is not None:
            main_task.cancel()  # it waits for a Kubernetes API that is away

    for signal_number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signal_number, stop)
    try:
        async with (
            answering(health) as probes,
            plane(Process(probes.stand_by, stop)) as running,
            asyncio.TaskGroup() as tasks,
        ):
            beside = [
                tasks.create_task(collect_garbage(), name="collecting garbage"),
                tasks.create_task(follow_clock(), name="following the machine's clock"),
                tasks.create_task(give_back_memory(), name="giving back memory"),
            ]
            serving = probes.ready = True
            click.echo(told(running))
            if running.warning:
                print_sentence(f"warning: {running.warning}", PROGRAM)
            await stopping.wait()  # without a bound: it serves until it is asked to stop
            probes.ready = False
            for task in beside:
                task.cancel()
    except asyncio.CancelledError:
        if serving or not stopping.is_set():
            raise
    return was_set and not was_asked


def _told_again(running: Running) -> str:
    return f"Jumplab is running again; the controller is at {running.endpoint}."
