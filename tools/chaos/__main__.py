"""`make chaos`: plays a run, prints what came of it, writes it as JSON. Exit status 1 where a promise was broken."""

import asyncio
import secrets
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import click

from tests.kube.servers import ASSETS, RealKubeApi
from tests.lab.homes import Home, OnCluster, OneMachine
from tools.chaos import clocks, report
from tools.chaos.holding import Pace
from tools.chaos.plan import Kind
from tools.chaos.run import Setting, run

_ROOT = Path(__file__).resolve().parents[2]


@click.command()
@click.option("--seconds", type=click.FloatRange(min=1), default=180.0, show_default=True, help="How long faults come.")
@click.option("--seed", type=int, help="Plays the same faults again.  [default: a new one]")
@click.option(
    "--fault",
    "kinds",
    multiple=True,
    type=click.Choice([kind.value for kind in Kind]),
    help="Only these; may be repeated.",
)
@click.option("--exporters", type=click.IntRange(1, 8), default=2, show_default=True)
@click.option(
    "--api",
    type=click.Choice(["standalone", "real"]),
    default="standalone",
    show_default=True,
    help="Which Kubernetes API.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=_ROOT / "build" / "chaos.json",
    help="Where the result goes as JSON.  [default: build/chaos.json]",
)
@click.option("--keep", type=click.Path(file_okay=False, path_type=Path), help="A new folder for journals and logs.")
def main(
    seconds: float, seed: int | None, kinds: tuple[str, ...], exporters: int, api: str, out: Path, keep: Path | None
) -> None:
    """Kills, cuts and fills up a lab that works, and says whether it kept what it promises."""
    seed = secrets.randbelow(1 << 31) if seed is None else seed
    if clocks.library() is None:
        _tell(clocks.MISSING)
    if api == "real" and not ASSETS:
        raise click.UsageError("--api real needs KUBEBUILDER_ASSETS: a folder with kube-apiserver and etcd")
    pace = Pace(held_seconds=(6.0, 15.0), image_kib=1024, watched=True)
    setting = Setting(seed, seconds, tuple(map(Kind, kinds or Kind)), exporters, pace)
    with ExitStack() as stack:
        folder = _new_folder(keep) if keep else Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-")))
        home = _home(api, folder, stack)
        _tell(f"seed {seed}: a lab on {'one machine' if api == 'standalone' else 'a real kube-apiserver'}")
        suite, verdict = asyncio.run(run(home, folder, setting, _tell))
    found = report.content(seed, seconds, suite, verdict)
    report.write(out, found)
    click.echo(report.table(found, verdict))
    sys.exit(1 if verdict.told else 0)


def _home(api: str, folder: Path, stack: ExitStack) -> Home:
    if api == "standalone":
        return OneMachine(folder)
    return OnCluster(folder, stack.enter_context(RealKubeApi(folder / "kube")))


def _new_folder(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder.absolute()


def _tell(sentence: str) -> None:
    click.echo(sentence, err=True)


if __name__ == "__main__":
    main()
