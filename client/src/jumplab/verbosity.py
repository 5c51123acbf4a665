"""The option -v of every program: debug logging on standard error; and how the lines look of those that run for long.

It may stand before and behind a command's name, as in kubectl, and a level may follow as there: `-v=6`, `-v6`, `-v 6`
and `--v=6` are `-v`, and level 0 is none.
"""

import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

_WITH_LEVEL = re.compile(r"(?:-v=?|--v=|--verbose=)(\d+)")
_LOGGERS = ("jumplab", "jumplab_exporter", "jumplab_operator")


def verbose_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Shows -v in the help of a program; `take_verbosity` has read it by then."""
    return click.option(
        "-v",
        "--verbose",
        is_flag=True,
        expose_value=False,
        help="Enable debug logging; after any command, too. A level may follow, as -v=6.",
    )(command)


log_format_option = click.option(
    "--log-format",
    type=click.Choice(("text", "json")),
    default="text",
    show_default=True,
    help="Whether the log's lines are text, or JSON with the keys lease, exporter, client and driver.",
)


def take_verbosity(words: Sequence[str], *, leading: bool = False) -> tuple[list[str], bool]:
    """A program's words without -v, and whether it is debug logging that they ask for, which takes effect.

    leading: only what stands before the first other word is read. What stands after -- is another program's.
    """
    left, level = _without_verbosity(list(words), leading=leading)
    if level:
        _log_everything()
    return left, level > 0


def log_to_terminal() -> None:
    """For a program that logs only where -v was given: its log goes to standard error."""
    import logging

    from jumplab.log_format import UtcFormatter, set_up_logging

    set_up_logging(logging.INFO, UtcFormatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler) and sys.stderr.isatty():
            handler.terminator = "\r\n"  # a console may have the terminal, where a line feed alone does not go back


def is_verbose() -> bool:
    """Whether -v was given."""
    import logging  # here, for each start of `jumplab` would pay for it

    return logging.getLogger(_LOGGERS[0]).level == logging.DEBUG


def _without_verbosity(words: list[str], *, leading: bool) -> tuple[list[str], int]:
    left: list[str] = []
    level = 0
    while words:
        word = words.pop(0)
        if word == "--":
            return [*left, word, *words], level
        if matched := _WITH_LEVEL.fullmatch(word):
            level = int(matched[1])
        elif word in ("-v", "--v", "--verbose"):
            level = int(words.pop(0)) if words and words[0].isdecimal() else 1
        elif leading:
            return [word, *words], level
        else:
            left.append(word)
    return left, level


def _log_everything() -> None:
    """Everything of ours; what libraries log in detail may have credentials in it."""
    import logging

    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.DEBUG)
