"""How each program ends: its exit status, and one line on standard error where something went wrong.

What programs say to people passes here. It may quote exporters, drivers, hooks and other clients: a terminal gets none
of their control sequences.
"""

import signal
import sys
from collections.abc import Callable
from typing import Any

import click

from jumplab.control_sequences import printable
from jumplab.errors import JumplabError
from jumplab.standard_streams import OutputFailed, discard, make_streams_usable


class Interrupted(Exception):
    """A signal ended the command, after its clean-up."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


def exit_status_of(command: Callable[[], Any], program: str) -> int:
    """Runs a command: its own status, else 0, 2 for usage and configuration, 1 for the rest, 128 + n for a signal."""
    make_streams_usable()
    try:
        status = command()
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        write_line(error.format_message())
        return 2
    except click.UsageError as error:
        return _failed(program, _usage_sentence(error), 2)
    except click.ClickException as error:
        return _failed(program, error.format_message(), 1)
    except Interrupted as ending:
        return 128 + ending.number
    except (click.Abort, KeyboardInterrupt):
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # Of bytes, which commands write past `sys.stdout`.
        discard(sys.stdout)
        return 128 + signal.SIGPIPE
    except Exception as error:
        if failure := _output_failure(error):
            discard(sys.stdout)
            return 128 + signal.SIGPIPE if failure.reader_left else _failed(program, str(failure), 1)
        if sentence := explain_error(error):
            return _failed(program, *sentence)
        raise


def _output_failure(error: BaseException) -> OutputFailed | None:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error if isinstance(error, OutputFailed) else None


def print_sentence(sentence: str, program: str) -> None:
    """One line to the person at the terminal; standard output is for results alone."""
    write_line(one_line(sentence, program))


def one_line(sentence: str, program: str) -> str:
    """A sentence as a program prints it."""
    return f"{program}: {' '.join(printable(sentence).split())}"


def write_line(text: str) -> None:
    """A line on standard error, also while a terminal shows a console: a line feed alone does not go back then."""
    try:
        click.echo(printable(text) + ("\r\n" if sys.stderr.isatty() else "\n"), err=True, nl=False)
    except OSError:  # nobody can be told
        discard(sys.stderr)


def print_result(text: str) -> None:
    """A result on standard output, as it is for a program that reads it; a terminal gets no control sequences."""
    click.echo(printable(text) if sys.stdout.isatty() else text, color=True)  # click would change it otherwise


def _failed(program: str, sentence: str, status: int) -> int:
    print_sentence(sentence, program)
    return status


def explain_error(error: Exception) -> tuple[str, int] | None:
    """The sentence and the status of an error that is no fault of the program's; None for one that is."""
    if isinstance(error, BaseExceptionGroup):
        # A task group around one failure wraps it; the first says enough.
        inner = error.exceptions[0]
        return explain_error(inner) if isinstance(inner, Exception) else None
    if isinstance(error, UnicodeEncodeError):
        return f"{error.object!a} is not text in UTF-8; correct the argument or variable that it is in", 2
    return (str(error), error.exit_status) if isinstance(error, JumplabError) else None


def _usage_sentence(error: click.UsageError) -> str:
    message = error.format_message().rstrip(".")
    if error.ctx and isinstance(error.ctx.command, click.Group) and message.startswith("No such command"):
        # Without click's guess, which the list makes needless.
        message = (
            f"{message.partition('. Did you mean')[0]}; the commands are {_commands_of(error.ctx.command, error.ctx)}"
        )
    where = f" (see {error.ctx.command_path} --help)" if error.ctx else ""
    return f"{message[:1].lower()}{message[1:]}{where}"


def _commands_of(group: click.Group, context: click.Context) -> str:
    names = group.list_commands(context)
    return ", ".join(name for name in names if name not in group.commands or not group.commands[name].hidden)
