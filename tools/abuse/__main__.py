"""`make abuse`: plays all attacks, prints a table, writes it as JSON. Exit status 1 where the lab did not withstand."""

import asyncio
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click

from tests.kube.servers import ASSETS, NO_ASSETS, RealKubeApi
from tools.abuse import battlefield, report
from tools.abuse.battlefield import Battlefield
from tools.abuse.catalogue import ATTACKS
from tools.abuse.run import play
from tools.abuse.verdict import Result
from tools.bench.lab import cluster

_ROOT = Path(__file__).resolve().parents[2]
_APIS = ("standalone", "real")


@click.command()
@click.option(
    "--seconds", type=click.FloatRange(min=0.5), default=20.0, show_default=True, help="Length of each attack."
)
@click.option("--only", "names", multiple=True, type=click.Choice(list(ATTACKS)), help="One attack; may be repeated.")
@click.option(
    "--api",
    "apis",
    multiple=True,
    type=click.Choice(_APIS),
    help="Which Kubernetes API; may be repeated.  [default: both, where KUBEBUILDER_ASSETS is set]",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=_ROOT / "build" / "abuse.json",
    help="Where the result goes as JSON.  [default: build/abuse.json]",
)
def main(seconds: float, names: Sequence[str], apis: Sequence[str], out: Path) -> None:
    """Attacks a control plane of its own on this machine, and says whether its other users noticed."""
    if "real" in apis and not ASSETS:
        raise click.UsageError("--api real needs KUBEBUILDER_ASSETS: a folder with kube-apiserver and etcd")
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="abuse-") as folder, ExitStack() as stack:
        for api in apis or (_APIS if ASSETS else _APIS[:1]):
            real = stack.enter_context(cluster(Path(folder) / "kube")) if api == "real" else None
            for number, name in enumerate(names or ATTACKS):
                if (real is None and ATTACKS[name].on == "health") or (real and ATTACKS[name].on == "api"):
                    continue
                place = Path(folder) / f"{api}-{number}"
                place.mkdir()
                with _battlefield(place, real) as field:
                    results.append(asyncio.run(play(field, name, seconds)))
                click.echo(report.row(results[-1]), err=True)
                report.write(out, report.content(results, seconds))
    click.echo(report.table(results))
    if not ASSETS:
        click.echo(NO_ASSETS)
    click.echo(f"written to {out}", err=True)
    sys.exit(1 if any(each.faults() for each in results) else 0)


@contextmanager
def _battlefield(folder: Path, real: RealKubeApi | None) -> Iterator[Battlefield]:
    with battlefield.on_cluster(real, folder) if real else battlefield.standalone(folder) as field:
        yield field


if __name__ == "__main__":
    main()
