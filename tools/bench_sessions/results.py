"""From what was measured to the file and the table: medians, ratios, shares, and what each is to be at least."""

import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.bench import report

Figures = Mapping[str, Any]

_SHORT = {
    "call_p50_ms": "call",
    "call_p99_ms": "call_p99",
    "open_p50_ms": "open",
    "echo_p50_ms": "echo",
    "upload_mib_s": "upload",
    "attach_ms": "attach",
    "jmp_help_s": "help",
    "j_power_on_s": "power_on",
}
_AT_LEAST = {
    "ratios.local.call": 3.0,
    "ratios.tunnel.call": 2.5,
    "ratios.tunnel.echo": 2.3,
    "ratios.tunnel.open": 2.0,
    "ratios.tunnel.attach": 3.0,
    "ratios.tunnel.upload": 2.5,
    "limits.routed_share": 0.6,
    "ratios.local.upload": 2.5,
    "limits.local_share": 0.6,
    "ratios.cli.help": 5.0,
    "ratios.cli.power_on": 4.0,
    "consoles.socket_mb_s": 5.0,
    "consoles.rfc2217_mb_s": 1.0,
}
_AT_MOST = {
    "limits.echo_loaded_p99_ratio.loopback": 5.0,
    "limits.echo_loaded_p99_ratio.10_mib_s": 5.0,
    "router.lost": 0.0,
    "router.added_p99_ms": 60.0,
    "router.keystroke_p99_ms": 20.0,
    "router.kib_per_session": 200.0,
    "consoles.rfc2217_cpu_s_per_mb": 0.5,
}
_COMPARED = ("isolated.ratio.call", "isolated.ratio.echo", "isolated.ratio.upload")
"""Without a bound: in a process of their own, and in the exporter's."""


def summary(rounds: Sequence[Figures], limits: Figures, router: Figures, consoles: Figures) -> dict[str, Any]:
    """What the file holds.

    rounds: `ours` and `peer` of each;  limits: as measured, without our shares;  router, consoles: as measured.
    """
    ours, peer = (median([each[side] for each in rounds if each[side]]) for side in ("ours", "peer"))
    better = report.ratios(ours, peer)
    ratios = {section: {_SHORT[key]: ratio for key, ratio in found.items()} for section, found in better.items()}
    return {
        "ours": ours,
        "peer": peer,
        "ratios": ratios,
        "limits": {**limits, **_shares(ours, limits)},
        "router": router,
        "consoles": consoles,
        "rounds": rounds,
    }


def median(samples: Sequence[Figures]) -> dict[str, Any]:
    """The median of each figure that all samples have, section by section."""
    keys = [key for key in samples[0] if all(key in sample for sample in samples)] if samples else []
    return {
        key: median([sample[key] for sample in samples])
        if isinstance(samples[0][key], Mapping)
        else round(statistics.median(sample[key] for sample in samples), 3)
        for key in keys
    }


def read(file: Path) -> dict[str, Any]:
    """What an earlier run has written; nothing where there was none."""
    found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return found


def table(found: Figures) -> str:
    """Each figure that has a bound, with it, and those that it comes from; then what is compared without one."""
    flat = dict(_flat(found))
    lines = [f"{'':<42}{'ours':>12}{'peer, limit':>14}{'figure':>10}{'bound':>9}"]
    for key, least in _AT_LEAST.items():
        if key in flat:
            lines.append(_line(key, flat, f">= {least:g}", met=flat[key] >= least))
    for key, most in _AT_MOST.items():
        if key in flat:
            lines.append(_line(key, flat, f"<= {most:g}", met=flat[key] <= most))
    lines += [_line(key, flat, "", met=True) for key in _COMPARED if key in flat]
    return "\n".join(lines)


def _shares(ours: Figures, limits: Figures) -> dict[str, float]:
    """Our part of each limit."""
    found: dict[str, float] = {}
    for share, section, limit in (
        ("routed_share", "tunnel", "relay_mib_s"),
        ("local_share", "local", "splice_mib_s"),
        ("routed_share_of_loopback", "tunnel", "loopback_mib_s"),
        ("local_share_of_loopback", "local", "loopback_mib_s"),
    ):
        if section in ours and limit in limits:
            found[share] = round(ours[section]["upload_mib_s"] / limits[limit], 2)
    return found


def _line(key: str, flat: Mapping[str, float], bound: str, *, met: bool) -> str:
    ours, other = _sources(key, flat)
    return f"{key:<42}{ours:>12}{other:>14}{flat[key]:>10g}{bound:>9}{'' if met else '  missed'}"


def _sources(key: str, flat: Mapping[str, float]) -> tuple[str, str]:
    """The two figures that a ratio or a share compares."""
    parts = key.split(".")
    if parts[0] == "ratios":
        name = next(name for name, short in _SHORT.items() if short == parts[2])
        return f"{flat[f'ours.{parts[1]}.{name}']:g}", f"{flat[f'peer.{parts[1]}.{name}']:g}"
    if key == "limits.routed_share":
        return f"{flat['ours.tunnel.upload_mib_s']:g}", f"{flat['limits.relay_mib_s']:g}"
    if key == "limits.local_share":
        return f"{flat['ours.local.upload_mib_s']:g}", f"{flat['limits.splice_mib_s']:g}"
    if parts[:2] == ["isolated", "ratio"]:
        name = next(name for name, short in _SHORT.items() if short == parts[2])
        return f"{flat[f'isolated.isolated.{name}']:g}", f"{flat[f'isolated.in_process.{name}']:g}"
    if key in ("consoles.socket_mb_s", "consoles.rfc2217_mb_s"):
        return f"{flat[key]:g}", f"{flat['consoles.bare_mb_s']:g}"
    return "", ""


def _flat(found: Figures, before: str = "") -> Iterator[tuple[str, float]]:
    for key, value in found.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        elif isinstance(value, int | float):
            yield f"{before}{key}", value
