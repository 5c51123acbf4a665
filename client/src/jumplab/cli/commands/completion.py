"""`jumplab completion`."""

import click

# Bash breaks words at = and :, which selectors have: the words are those of the line, and what stands before the last
# of these characters is not completed again.
_BASH = r"""_jumplab_completion() {
    local line="${COMP_LINE:0:COMP_POINT}" response kind value word cut
    local -a words
    read -ra words <<< "$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    word="${words[${#words[@]}-1]}"
    cut="${word%"${word##*[=:]}"}"
    COMPREPLY=()
    response=$(COMP_WORDS="$line" COMP_CWORD=$((${#words[@]} - 1)) _JUMPLAB_COMPLETE=bash_complete "$1" 2>/dev/null)
    while IFS=, read -r kind value; do
        case $kind in
            dir|file) compopt -o default 2>/dev/null ;;
            plain) COMPREPLY+=("${value#"$cut"}")
                   [[ $value == *= ]] && compopt -o nospace 2>/dev/null ;;
        esac
    done <<< "$response"
    return 0
}
complete -o nosort -F _jumplab_completion jumplab j
"""

# Zsh puts a space behind a completed word, which a label's key must not have. Of each answer there are three lines.
_ZSH = r"""#compdef jumplab j

_jumplab_completion() {
    local -a response described plain open
    local kind value about program=${words[1]}
    (( $+commands[$program] )) || return 1
    response=("${(@f)$(COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT - 1)) _JUMPLAB_COMPLETE=zsh_complete $program)}")
    for kind value about in "${response[@]}"; do
        case $kind in
            dir) _path_files -/ ;;
            file) _path_files -f ;;
            plain) if [[ $value == *= ]]; then open+=("$value")
                   elif [[ $about == _ ]]; then plain+=("$value")
                   else described+=("${value//:/\\:}:$about")
                   fi ;;
        esac
    done
    (( $#described )) && _describe -V unsorted described -U
    (( $#open )) && compadd -U -S '' -V unsorted -a open
    (( $#plain )) && compadd -U -V unsorted -a plain
    return 0
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _jumplab_completion "$@"
else
    compdef _jumplab_completion jumplab j
fi
"""


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print a shell's completion script for jumplab and j: eval "$(jumplab completion bash)"."""
    from click.shell_completion import get_completion_class

    from jumplab.cli.completing import VARIABLE
    from jumplab.cli.main import cli

    if own := {"bash": _BASH, "zsh": _ZSH}.get(shell):
        click.echo(own, nl=False)
        return
    kind = get_completion_class(shell)
    assert kind is not None
    for program in ("jumplab", "j"):
        click.echo(kind(cli, {}, program, VARIABLE).source())
