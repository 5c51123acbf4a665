"""Walks through a page: pastes its blocks into the terminals that it names, and compares what it prints."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from tests.docs.pages import Block, all_blocks
from tests.docs.terminals import Terminal, missing_line

Replacement = Callable[[Block], str | None]
"""Gives the commands to run in place of a block's; None: the block is left out."""
_NUMBERS = {"three": ("1", "2", "3")}


def walk(
    page: str,
    terminals: Callable[[str], Terminal],
    replaced: Mapping[str, Replacement],
    chosen: Callable[[Block], bool] = lambda _: True,
) -> None:
    """Runs a page.

    terminals: opens the one with this number;  replaced: what is done for blocks with a mark;  chosen: whether a block
    is of the part to run.
    """
    steps = [step for step in all_blocks(page) if chosen(step)]
    names: tuple[str, ...] = ("1",)
    for number, step in enumerate(steps):
        if step.language == "text":
            continue
        assert step.language == "sh", f"{step.place}: a {step.language or 'block without a language'} can't be pasted"
        names = named_in(step.before) or names
        following = steps[number + 1] if number + 1 < len(steps) else None
        printed = following.text.splitlines() if following and following.language == "text" else []
        assert not step.mark or step.mark in replaced, f"{step.place}: nothing is known of the mark {step.mark!r}"
        commands = replaced[step.mark](step) if step.mark else step.text
        if commands is not None:
            for each in names:
                _paste(step, commands, terminals(each), printed)


def named_in(paragraph: str) -> tuple[str, ...]:
    """The numbers of the terminals that a paragraph names last."""
    if found := re.findall(r"\b[Oo]pen (\w+) terminals", paragraph):
        return _NUMBERS[found[0]]
    return tuple(re.findall(r"[Tt]erminal (\d)", paragraph)[-1:])


def _paste(step: Block, commands: str, terminal: Terminal, printed: list[str]) -> None:
    if terminal.serving:
        assert "Ctrl-C" in step.before, f"{step.place}: a program runs in terminal {terminal.name}; say to stop it"
        terminal.interrupt()
    if _goes_on(commands):
        assert printed, f"{step.place}: the page does not say what is printed once it runs"
        terminal.serve(commands, printed)
        return
    shown = terminal.run(commands)
    missing = missing_line(shown, printed)
    assert not missing, f"{step.place}: {missing!r} is on the page, and this was printed:\n{shown}"


def _goes_on(commands: str) -> bool:
    """Whether the last command runs until Ctrl-C."""
    return commands.splitlines()[-1].startswith(("jumplab-operator ", "jumplab-exporter run "))
