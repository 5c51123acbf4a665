"""The command `jumplab-exporter`.

Exit status: 2 for wrong usage or configuration, 1 for everything else that keeps it from serving.
"""

import asyncio
import logging
import os
import sys
import threading
from contextlib import ExitStack, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jumplab.exit_status import exit_status_of, print_result, print_sentence
from jumplab.interrupts import end_at_interrupt
from jumplab.log_format import set_up_logging
from jumplab.verbosity import is_verbose, log_format_option, take_verbosity, verbose_option
from jumplab.versions import version_command, version_option
from jumplab_exporter.config import ExporterConfig, LocalConfig, load, load_local, locate
from jumplab_exporter.containment import loop
from jumplab_exporter.containment.output import detach_output, last_words
from jumplab_exporter.containment.signals import ending_signals, hang_up_signal
from jumplab_exporter.containment.watchdog import Watchdog
from jumplab_exporter.errors import ConfigurationError, ExporterError, RequestRefused, Stopped
from jumplab_exporter.lock import only_process
from jumplab_exporter.log_format import LINE, ExporterFormatter, ExporterJsonFormatter

if TYPE_CHECKING:
    from jumplab_exporter.control.place import ControlPlace
    from jumplab_exporter.parent import Parent


_PROGRAM = "jumplab-exporter"


def _exit(status: int) -> None:
    """Ends the process; Python itself would wait for a driver's thread that hangs."""
    logging.shutdown()
    last_words()
    if any(thread is not threading.main_thread() and not thread.daemon for thread in threading.enumerate()):
        os._exit(status)
    sys.exit(status)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@version_option(_PROGRAM, _PROGRAM)
@verbose_option
def cli() -> None:
    """Serve the drivers of a board to the client that leases it."""


def main() -> None:
    """The program `jumplab-exporter`."""
    words, _ = take_verbosity(sys.argv[1:])
    status = exit_status_of(lambda: cli.main(words, prog_name=_PROGRAM, standalone_mode=False), _PROGRAM)
    end_at_interrupt()
    _exit(status)


cli.add_command(version_command(_PROGRAM, _PROGRAM))


@cli.command()
@click.argument("config")
@log_format_option
def run(config: str, log_format: str) -> int:
    """Serve leases, one after the other, until it is stopped.

    CONFIG is a file, or the name of a file in ~/.config/jumpstarter/exporters or /etc/jumpstarter/exporters.
    """
    _refuse_in_hook()
    path = locate(config)
    configuration = load(path)
    _set_up_logging(logging.DEBUG if is_verbose() else logging.INFO, log_format)
    with only_process(path):
        loop.run(_serve(configuration, path))
    return 0


@cli.command(hidden=True)
@click.argument("config")
def local(config: str) -> int:
    """Serve the drivers of CONFIG to the process that has started this one. `jumplab shell --exporter-config` does."""
    from jumplab_exporter.parent import Parent

    parent = Parent.take()
    try:
        return _serve_parent(parent, config)
    except ExporterError as error:
        parent.report(failed=str(error), status=error.exit_status)
        return error.exit_status


@cli.command()
@click.option("--file-only", is_flag=True, help="Look at the file alone: try no driver, touch no device.")
@click.argument("config")
def check(config: str, file_only: bool) -> int:
    """Check CONFIG, then try each of its drivers on its device, and print how each did.

    An exporter that runs with CONFIG tries them, unless it is leased. Where none runs, they are tried here.
    """
    from jumplab_exporter.check_command import FileCheck, table_of, try_drivers

    _refuse_in_hook()
    path = locate(config)
    logging.disable()
    file = FileCheck(path)
    problems = list(file.problems())
    for line in file.lines():
        print_result(line)
    for warning in file.warnings():
        print_sentence(f"warning: {warning}", _PROGRAM)
    for problem in problems:
        print_sentence(problem, _PROGRAM)
    if problems or file.tree.failures():
        return 2
    if file_only or not file.configuration.export:
        return 0
    findings = try_drivers(path, file)
    for line in ("", *table_of(findings)):
        print_result(line)
    if findings.further_failure:
        print_sentence(findings.further_failure, _PROGRAM)
    return 0 if findings.works else 1


@cli.command()
@click.argument("config")
def reload(config: str) -> int:
    """Have the exporter that runs with CONFIG read it again.

    While it is leased, it reloads when the lease has ended; this command waits for that. A file with faults changes
    nothing.
    """
    from jumplab_exporter.control.asking import ask
    from jumplab_exporter.reloading import Reloaded

    path = locate(config)
    answer = ask(path, "reload")
    if answer is not None and (reason := Reloaded.from_answer(answer).waits_for):
        print_sentence(reason, _PROGRAM)
        answer = ask(path, "reload", wait=True)
    if answer is None:
        raise RequestRefused(f"{path}: no exporter of this user runs with this configuration; start one")
    reloaded = Reloaded.from_answer(answer)
    for warning in reloaded.warnings:
        print_sentence(f"warning: {warning}", _PROGRAM)
    click.echo(f"reloaded; drivers: {reloaded.drivers}")
    return 0


@cli.group(invoke_without_command=True)
def drivers() -> None:
    """List the driver types that are installed, or show one of them."""
    if click.get_current_context().invoked_subcommand is not None:
        return
    from jumplab_exporter.driver_catalogue import catalogue

    rows = list(catalogue())
    width = max((len(kind) for kind, _ in rows), default=0)
    for kind, summary in rows:
        click.echo(f"{kind:{width}}  {summary}")


@drivers.command()
@click.argument("type")
def show(type: str) -> int:  # noqa: A002 - click's name of the argument
    """Print the settings of the driver TYPE, and an example."""
    from jumplab_exporter.driver_catalogue import description_of

    click.echo(description_of(type))
    return 0


@cli.command()
def schema() -> int:
    """Print the JSON schema of configuration files, for editors: with the driver types that are installed."""
    from jumplab_exporter.schema.document import installed_kinds, schema_text

    click.echo(schema_text(installed_kinds()), nl=False)
    return 0


@cli.command()
@click.option("--probe", is_flag=True, help="Open devices that no exporter uses, too; this can reset a board.")
@click.option("--watch", is_flag=True, help="Tell what is plugged in and out, until it is stopped.")
def discover(probe: bool, watch: bool) -> int:
    """Propose a configuration of the serial ports, SD muxes, GPIO chips and USB hubs of this machine.

    Reads sysfs and udev's links in /dev, and opens no device.
    """
    from jumplab_exporter.discovery.command import print_changes, print_proposal

    if watch and probe:
        raise click.UsageError("--watch opens no device; leave out --probe")
    if watch:
        print_changes()
    else:
        print_proposal(probe=probe)
    return 0


def _refuse_in_hook() -> None:
    if os.environ.get("JUMPLAB_HOOK"):
        raise ConfigurationError("a hook may not start an exporter: it would end with the hook")


def _set_up_logging(level: int, log_format: str = "text") -> None:
    detach_output()
    set_up_logging(level, ExporterJsonFormatter() if log_format == "json" else ExporterFormatter(LINE))
    for library in ("asyncio", "qemu"):
        logging.getLogger(library).setLevel(logging.WARNING)


def _serve_parent(parent: "Parent", config: str) -> int:
    from jumplab_exporter.control.place import ControlPlace
    from jumplab_exporter.own_folder import own_folder

    _refuse_in_hook()
    path = locate(config)
    configuration = load_local(path)
    _set_up_logging(logging.DEBUG if is_verbose() else logging.INFO)
    if sys.stderr.isatty():  # where `jumplab console` has the terminal a line feed alone does not go back
        for handler in logging.getLogger().handlers:
            if isinstance(handler, logging.StreamHandler):
                handler.terminator = "\r\n"
    with ExitStack() as stack:
        stack.enter_context(only_process(path))
        try:
            folder = stack.enter_context(own_folder())
        except OSError as error:
            raise Stopped(f"there is no place for a socket: {error}") from error
        loop.run(_serve_locally(configuration, ControlPlace(folder, path), parent))
    return 0


async def _serve_locally(configuration: LocalConfig, place: "ControlPlace", parent: "Parent") -> None:
    from jumplab_exporter.local_exporter import LocalExporter, ending_bound_seconds

    bound, name = ending_bound_seconds(configuration), configuration.metadata.name
    parent.report(ending_seconds=bound)
    exporter = LocalExporter(
        configuration,
        place,
        parent.token,
        ready=lambda socket: parent.report(ready=str(socket), exporter=name),
        failed=lambda reason: parent.report(failed=reason, status=1),
    )
    running = asyncio.get_running_loop()
    parent.watch(lambda: running.call_soon_threadsafe(exporter.stop), then_exit_seconds=bound)
    with ending_signals(exporter.stop), Watchdog(exporter.note_incident):
        await exporter.run()


async def _serve(configuration: ExporterConfig, path: Path) -> None:
    from jumplab_exporter.control.place import ControlPlace
    from jumplab_exporter.exporter import Exporter
    from jumplab_exporter.followed_config import followed
    from jumplab_exporter.local_socket import short_path

    audit_log = configuration.audit_log.log() if configuration.audit_log is not None else None
    with audit_log or nullcontext(), short_path() as local:
        place = ControlPlace(local.socket.parent, path) if local.socket is not None else None
        now, read = followed(configuration, path).now, partial(load, path)
        exporter = Exporter(configuration, local, now, audit_log, place, read)
        with ending_signals(exporter.stop), hang_up_signal(exporter.reload), Watchdog(exporter.note_incident):
            await exporter.run()
