"""Lets atheris look at each target; exit status 1 where it found input that breaks one."""

import platform
import sys
from pathlib import Path

import click

from tools.fuzz import guided
from tools.fuzz.targets import TARGETS

_SHOWN_BYTES = 400
_SHOWN_LINES = 30


@click.command()
@click.option("--seconds", type=click.IntRange(min=1), default=60, show_default=True, help="For each target.")
@click.option("--target", "names", multiple=True, type=click.Choice(list(TARGETS)), help="Only this; may be repeated.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=guided.ROOT / "build" / "fuzz",
    help="Where inputs are kept.  [default: build/fuzz]",
)
@click.option(
    "--replay",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Gives this file's bytes to the one --target, and looks for nothing.",
)
def main(seconds: int, names: tuple[str, ...], folder: Path, replay: Path | None) -> None:
    """Looks for input that breaks what takes it from outside, guided by coverage."""
    if replay is not None:
        if len(names) != 1:
            raise click.UsageError("--replay wants the one --target that the input is for")
        TARGETS[names[0]].run(replay.read_bytes())
        click.echo(f"{names[0]}: it holds")
        return
    if not guided.available():
        click.echo(
            "no fuzzing guided by coverage: there is no atheris for "
            f"Python {platform.python_version()} on {platform.system()} {platform.machine()}; all the rest was done"
        )
        return
    outcomes = [_told(name, guided.look(name, folder, seconds)) for name in names or TARGETS]
    sys.exit(0 if all(outcomes) else 1)


def _told(name: str, outcome: guided.Outcome) -> bool:
    """Says what came of it; whether it went well."""
    if outcome.well:
        click.echo(f"{name}: {outcome.inputs:,} inputs, nothing found")
        return True
    if not outcome.found:
        click.echo("\n".join(outcome.told.splitlines()[-_SHOWN_LINES:]))
        click.echo(f"{name}: atheris stopped before its time")
    for file in outcome.found:
        noise = file.read_bytes()
        rest = f" and {len(noise) - _SHOWN_BYTES} more" if len(noise) > _SHOWN_BYTES else ""
        click.echo(f"{name}: broken by {len(noise)} bytes: {noise[:_SHOWN_BYTES]!r}{rest}")
        click.echo(f"play it again: {sys.executable} -m tools.fuzz --target {name} --replay {file}")
    return False


if __name__ == "__main__":
    main()
