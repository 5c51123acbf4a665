"""Results as tables, JSON, YAML and names."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from typing import Any

import click

from jumplab.client.lease_status import phase_of, reason_of, why_waiting
from jumplab.client.local_moments import format_dated, in_local_time
from jumplab.client.views import ExporterView, LeaseView
from jumplab.client.waiting import QueuedLease
from jumplab.protocol.durations import format_duration

Columns = Mapping[str, tuple[Callable[[Any], str], bool]]


def _online(exporter: ExporterView) -> str:
    return "yes" if exporter.online else "no"


def _labels(exporter: ExporterView) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted(exporter.labels.items()))


def _ends(lease: LeaseView) -> str:
    end = lease.end or lease.expected_end
    return format_dated(end) if end else ""


def _expected(queued: QueuedLease) -> str:
    return format_dated(queued.queue_position.expected_begin) if queued.queue_position.expected_begin else ""


def _exporters(lease: LeaseView) -> str:
    got = [f"{member.name}={member.exporter}" for member in lease.members if member.exporter]
    return ",".join(got) or lease.exporter


def _selectors(lease: LeaseView) -> str:
    return "; ".join(f"{member.name}: {member.selector}" for member in lease.members) or lease.selector


# By a column's title: the function for its text, and whether only -o wide has it.
EXPORTER_COLUMNS: Columns = {
    "NAME": (lambda exporter: exporter.name, False),
    "ONLINE": (_online, False),
    "STATUS": (lambda exporter: exporter.status, False),
    "LEASE": (lambda exporter: exporter.lease, False),
    "LABELS": (_labels, False),
    "ENABLED": (lambda exporter: "yes" if exporter.enabled else "no", True),
    "MESSAGE": (lambda exporter: in_local_time(exporter.message), True),
}
LEASE_COLUMNS: Columns = {
    "NAME": (lambda lease: lease.name, False),
    "STATUS": (reason_of, False),
    "EXPORTER": (_exporters, False),
    "CLIENT": (lambda lease: lease.client, False),
    "DURATION": (lambda lease: format_duration(lease.duration), False),
    "ENDS": (_ends, False),
    "SELECTOR": (_selectors, True),
    "WAITS FOR": (lambda lease: why_waiting(lease) if phase_of(lease) in ("Pending", "Assigned") else "", True),
}

QUEUE_COLUMNS: Columns = {
    "POSITION": (lambda queued: str(queued.queue_position.position), False),
    "NAME": (lambda queued: queued.name, False),
    "CLIENT": (lambda queued: queued.client, False),
    "WAITS FOR": (lambda queued: queued.selector, False),
    "EXPECTED": (_expected, False),
    "WHY": (lambda queued: in_local_time(queued.queue_position.message), True),
}
CONSIDERED_COLUMNS: Columns = {
    "FOR": (lambda considered: considered.asked_for, False),
    "EXPORTER": (lambda considered: considered.exporter, False),
    "REASON": (lambda considered: considered.reason, False),
    "WHY NOT": (lambda considered: in_local_time(considered.message), False),
}


def write(found: Sequence[Any], columns: Columns, output: str | None, *, single: bool) -> None:
    """Writes views to standard output. single: one was asked for by name, so that JSON and YAML are no list."""
    match output:
        case "json":
            click.echo(json.dumps(_plain(found[0] if single else found), indent=2))
        case "yaml":
            import yaml

            click.echo(yaml.safe_dump(_plain(found[0] if single else found), sort_keys=False), nl=False)
        case "name":
            for view in found:
                click.echo(view.name)
        case _:
            _write_table(
                found, {title: show for title, (show, wide) in columns.items() if output == "wide" or not wide}
            )


def _write_table(found: Sequence[Any], columns: Mapping[str, Callable[[Any], str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    if not found:
        click.echo("nothing found", err=True)
        return
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for title in columns:
        table.add_column(title, no_wrap=True)
    for view in found:
        table.add_row(*(show(view) for show in columns.values()))
    # Output for another program is never cut to a terminal's width.
    Console(width=None if sys.stdout.isatty() else 10_000, markup=False, highlight=False).print(table)


def _plain(value: Any) -> Any:
    """Views as JSON and YAML know them."""
    if is_dataclass(value):
        return {_camel(field.name): _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return format_duration(value) if isinstance(value, timedelta) else value


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
