"""The user's shell, with a prompt that shows what is leased.

Each shell reads a start file of ours, which runs the user's own before it puts the mark in front of their prompt. One
that a prompt program sets anew each time, such as starship, stays as it is: it can show JUMPLAB_LEASE itself. A shell
that is not known here is started as it is.
"""

import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from jumplab.client.driver_source import DriverSource

_BASH = """\
[ -r ~/.bashrc ] && . ~/.bashrc
PS1={mark}"${{PS1-\\\\s-\\\\v\\\\\\$ }}"
"""
_ZSH = """\
if [[ -n "${{JUMPLAB_ZDOTDIR+set}}" ]]; then export ZDOTDIR="$JUMPLAB_ZDOTDIR"; else unset ZDOTDIR; fi
unset JUMPLAB_ZDOTDIR
_jumplab_prompt() {{
    precmd_functions=(${{precmd_functions:#_jumplab_prompt}})
    unfunction _jumplab_prompt
    PROMPT={mark}"$PROMPT"
}}
precmd_functions+=(_jumplab_prompt)
[[ -r "${{ZDOTDIR-$HOME}}/.zshenv" ]] && . "${{ZDOTDIR-$HOME}}/.zshenv"
"""
_SH = """\
if [ -n "${{JUMPLAB_ENV+set}}" ]; then ENV=$JUMPLAB_ENV; export ENV; else unset ENV; fi
unset JUMPLAB_ENV
if [ -n "${{ENV-}}" ] && [ -r "$ENV" ]; then . "$ENV"; fi
PS1={mark}"${{PS1-\\$ }}"
"""
_FISH = """\
functions --copy fish_prompt _jumplab_prompt
function fish_prompt
    set --local last $status
    printf %s {mark}
    echo "exit $last" | source
    _jumplab_prompt
end
"""


def shell_with_prompt(
    folder: Path, source: DriverSource, environment: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """The command of the user's shell, and more of its environment.  folder: the shell's own, for its start file."""
    shell = environment.get("SHELL") or "/bin/sh"
    mark = shlex.quote(_mark(source))
    match os.path.basename(shell):
        case "bash":
            return [shell, "--rcfile", _written(folder, ".bashrc", _BASH, mark)], {}
        case "zsh":
            _written(folder, ".zshenv", _ZSH, mark)
            return [shell], {"ZDOTDIR": str(folder)} | _kept("ZDOTDIR", environment)
        case "fish":
            return [shell, "--init-command", _FISH.format(mark=mark)], {}
        case "sh" | "dash" | "ash" | "ksh" | "mksh":
            return [shell], {"ENV": _written(folder, ".shrc", _SH, mark)} | _kept("ENV", environment)
        case _:
            return [shell], {}


def _mark(source: DriverSource) -> str:
    """What stands before the prompt: `[demo on bench-1] `, of a gang `[demo] `, without a lease `[bench] `."""
    exporter = re.sub(r"[^\w.-]", "-", source.exporter_name, flags=re.ASCII)  # a prompt expands other characters
    if not source.lease_name:
        return f"[{exporter}] "
    return f"[{source.lease_name}] " if len(source.member_names) > 1 else f"[{source.lease_name} on {exporter}] "


def _written(folder: Path, name: str, text: str, mark: str) -> str:
    path = folder / name
    path.write_text(text.format(mark=mark))
    return str(path)


def _kept(variable: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The user's own value, for the start file to set again."""
    return {f"JUMPLAB_{variable}": environment[variable]} if variable in environment else {}
