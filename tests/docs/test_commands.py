"""Each command that a page names, in a block or in a sentence, is one that the program has, with its options."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click
import pytest

from jumplab.cli.main import cli
from jumplab_exporter.main import cli as exporter
from jumplab_operator.main import cli as operator
from tests.docs.pages import ROOT, all_blocks, pages

PROGRAMS: dict[str, click.Command] = {"jumplab": cli, "jumplab-exporter": exporter, "jumplab-operator": operator}
_INLINE = re.compile(r"(?<!`)`((?:jumplab|jumplab-exporter|jumplab-operator) [^`\n]+)`")
_OF_A_LINE = re.compile(
    r"(?:^|[;&|(]|\$ |sh -c '|PYTHONPATH=\. )\s*((?:jumplab|jumplab-exporter|jumplab-operator) \S.*)$"
)


def commands_of(page: str) -> Iterator[str]:
    yield from _INLINE.findall(re.sub(r"\s*\n\s*", " ", (ROOT / page).read_text()))
    for block in all_blocks(page):
        for line in block.text.replace("\\\n", " ").splitlines():
            if found := _OF_A_LINE.search(line):
                yield found[1]


def words_of(text: str) -> list[str]:
    """The words of a command up to what a shell or a reader makes of the rest."""
    text = re.split(r"  #| [|;&>] | && | -- |…|[|;&]$", text)[0]
    try:
        return shlex.split(text)
    except ValueError:
        return shlex.split(text.replace("'", "").replace('"', ""))


def problem(words: list[str]) -> str:
    """What is wrong with a command, or empty. `-v` may stand behind any."""
    command = PROGRAMS[words[0]]
    context = click.Context(command, info_name=words[0])
    rest = words[1:]
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        found = command.get_command(context, rest[0])
        if found is None:
            return f"{context.command_path} has no command {rest[0]!r}"
        context = click.Context(found, info_name=rest[0], parent=context)
        command, rest = found, rest[1:]
    known = {"-v"} | {name for each in command.get_params(context) for name in (*each.opts, *each.secondary_opts)}
    unknown = [word for word in rest if re.match(r"-", word) and re.split("=", word)[0] not in known]
    return f"{context.command_path} has no option {unknown[0]}" if unknown else ""


@pytest.mark.parametrize("page", pages())
def test_the_commands_of_a_page_exist(page: str) -> None:
    wrong = [f"{text}: {found}" for text in commands_of(page) if (found := problem(words_of(text)))]
    assert not wrong, "\n".join(wrong)


def test_a_wrong_command_is_found() -> None:
    assert problem(["jumplab", "lease"]) == "jumplab has no command 'lease'"
    assert problem(["jumplab-operator", "standalone", "-x"]) == "jumplab-operator standalone has no option -x"
    assert problem(["jumplab", "get", "leases", "--all"]) == ""
    assert "jumplab get leases -w" in list(commands_of("docs/from-labgrid.md"))
