"""What isolation costs: the same work on the same drivers, in the exporter's process and in one of their own."""

from jumplab.driver import Driver
from jumplab_exporter.config import DriverEntry
from jumplab_exporter.isolation.stand_ins import place_stand_ins
from jumplab_exporter.isolation.units import Unit
from tools.bench import local, report
from tools.bench.drivers import board, export_entries
from tools.bench.work import Rounds

_COMPARED = {"call": "call_p50_ms", "echo": "echo_p50_ms", "upload": "upload_mib_s"}


def figures(rounds: Rounds) -> dict[str, dict[str, float]]:
    """Both, and how much of each is the other."""
    inside = local.figures(rounds)
    outside = local.figures(rounds, _isolated_board)
    ratios = {name: round(outside[key] / inside[key], 2) for name, key in _COMPARED.items()}
    return {"in_process": inside, "isolated": outside, "ratio": ratios}


def _isolated_board() -> dict[str, Driver]:
    entries = {name: DriverEntry(type=entry["type"]) for name, entry in export_entries().items()}
    unit = Unit(dict(entries), None)
    return place_stand_ins(board(), [unit], local.SCOPE, lambda path, sentence: report.say(f"{path}: {sentence}"))
