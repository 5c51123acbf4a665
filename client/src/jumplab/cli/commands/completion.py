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


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print a shell's completion script for jumplab and j: eval "$(jumplab completion bash)"."""
    from click.shell_completion import get_completion_class

    from jumplab.cli.completing import VARIABLE
    from jumplab.cli.main import cli

    if shell == "bash":
        click.echo(_BASH, nl=False)
        return
    kind = get_completion_class(shell)
    assert kind is not None
    for program in ("jumplab", "j"):
        click.echo(kind(cli, {}, program, VARIABLE).source())
