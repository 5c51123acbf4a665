"""How commands of `jumplab` and `j` speak to a person: as all programs do, see `jumplab.exit_status`."""

from jumplab.exit_status import Interrupted, exit_status_of, explain_error, one_line, print_sentence, write_line

__all__ = ["Interrupted", "exit_status_of", "explain_error", "one_line", "print_note", "write_line"]


def print_note(sentence: str, program: str = "jumplab") -> None:
    """One line to the person at the terminal; standard output is for results alone."""
    print_sentence(sentence, program)
