"""Results as tables, JSON, YAML and names."""

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from jumplab.cli.exit_status import print_note
from jumplab.cli.tables import Heading, Layout, lay_out
from jumplab.client.lease_status import Phase, phase_of, reason_of, why_waiting
from jumplab.client.local_moments import format_dated, in_local_time
from jumplab.client.views import ExporterView, LeaseView
from jumplab.client.waiting import QueuedLease, QueuePosition
from jumplab.protocol.durations import format_duration

if TYPE_CHECKING:
    from jumplab.client.admin import ClientView


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.  show: the text of its cell.  wide: only -o wide has it.  is_prose: it may be wrapped.
    if_any: a list in which all of its cells are empty is without it, unless it is wide."""

    show: Callable[[Any], str]
    wide: bool = False
    is_prose: bool = False
    if_any: bool = False


Columns = Mapping[str, Column]


def _online(exporter: ExporterView) -> str:
    return "yes" if exporter.online else "no"


def _labels(exporter: "ExporterView | ClientView") -> str:
    return ",".join(f"{key}={value}" for key, value in sorted(exporter.labels.items()))


def expected_range(position: QueuePosition) -> str:
    """When a waiting lease is expected to begin, at the earliest and at the latest; empty where it is not known."""
    moments = [moment for moment in (position.expected_begin, position.latest_begin) if moment is not None]
    return " to ".join(map(format_dated, moments)) if position.expected_begin is not None else ""


def _ends(lease: LeaseView) -> str:
    end = lease.end or lease.expected_end
    return format_dated(end) if end else ""


def _begins(lease: LeaseView) -> str:
    """When it is to begin; one that has begun says when it ends."""
    is_to_come = phase_of(lease) in (Phase.PENDING, Phase.ASSIGNED)
    return format_dated(lease.begin) if lease.begin is not None and is_to_come else ""


def _expected(queued: QueuedLease) -> str:
    return expected_range(queued.queue_position)


def _exporters(lease: LeaseView) -> str:
    got = [f"{member.name}={member.exporter}" for member in lease.members if member.exporter]
    return ",".join(got) or lease.exporter


def _selectors(lease: LeaseView) -> str:
    return "; ".join(f"{member.name}: {member.selector}" for member in lease.members) or lease.selector


# By a column's title. In a terminal that is too narrow the last ones go first.
EXPORTER_COLUMNS: Columns = {
    "NAME": Column(lambda exporter: exporter.name),
    "ONLINE": Column(_online),
    "STATUS": Column(lambda exporter: exporter.status),
    "LEASE": Column(lambda exporter: exporter.lease),
    "LABELS": Column(_labels, is_prose=True),
    "ENABLED": Column(lambda exporter: "yes" if exporter.enabled else "no", wide=True),
}
# Of ExporterDetails.
WIDE_EXPORTER_COLUMNS: Columns = {
    **{title: replace(column, wide=False) for title, column in EXPORTER_COLUMNS.items()},
    "HOLDER": Column(lambda details: details.holder),
    "FREE": Column(lambda details: format_dated(details.free) if details.free else ""),
    "DRIVERS": Column(lambda details: ",".join(details.drivers)),
    "MESSAGE": Column(lambda details: in_local_time(details.message), is_prose=True),
}
NAMESPACE_COLUMN: Columns = {"NAMESPACE": Column(lambda view: view.namespace)}
CLIENT_COLUMNS: Columns = {
    "NAME": Column(lambda client: client.name),
    "ENABLED": Column(lambda client: "yes" if client.enabled else "no"),
    "SECRET": Column(lambda client: client.secret),
    "LABELS": Column(_labels, is_prose=True),
    "ENDPOINT": Column(lambda client: client.endpoint, wide=True),
}
LEASE_COLUMNS: Columns = {
    "NAME": Column(lambda lease: lease.name),
    "STATUS": Column(reason_of),
    "EXPORTER": Column(_exporters),
    "CLIENT": Column(lambda lease: lease.client),
    "DURATION": Column(lambda lease: format_duration(lease.duration)),
    "ENDS": Column(_ends),
    "BEGINS": Column(_begins, if_any=True),
    "SELECTOR": Column(_selectors, wide=True),
    "BEGAN": Column(lambda lease: format_dated(lease.begin) if lease.begin else "", wide=True),
    "WAITS FOR": Column(
        lambda lease: why_waiting(lease) if phase_of(lease) in ("Pending", "Assigned") else "", wide=True, is_prose=True
    ),
}
QUEUE_COLUMNS: Columns = {
    "POSITION": Column(lambda queued: str(queued.queue_position.position or "-")),
    "NAME": Column(lambda queued: queued.name),
    "CLIENT": Column(lambda queued: queued.client),
    "WAITS FOR": Column(lambda queued: queued.selector),
    "EXPECTED": Column(_expected),
    "WHY": Column(lambda queued: in_local_time(queued.queue_position.message), wide=True, is_prose=True),
}
# Of PastLeaseView.
HISTORY_COLUMNS: Columns = {
    "NAME": Column(lambda past: past.lease),
    "CLIENT": Column(lambda past: past.client),
    "BEGAN": Column(lambda past: format_dated(past.began) if past.began else ""),
    "ENDED": Column(lambda past: format_dated(past.ended)),
    "REASON": Column(lambda past: past.reason),
    "UID": Column(lambda past: past.uid, wide=True),
}
CONSIDERED_COLUMNS: Columns = {
    "FOR": Column(lambda considered: considered.asked_for),
    "EXPORTER": Column(lambda considered: considered.exporter),
    "REASON": Column(lambda considered: considered.reason),
    "WHY NOT": Column(lambda considered: in_local_time(considered.message), is_prose=True),
}


def write(found: Sequence[Any], columns: Columns, output: str | None, *, single: bool) -> None:
    """Writes views to standard output. single: one was asked for by name, so that JSON and YAML are no list."""
    match output:
        case "json":
            click.echo(json.dumps(_content(found, single=single), indent=2))
        case "yaml":
            import yaml

            click.echo(yaml.safe_dump(_content(found, single=single), sort_keys=False), nl=False)
        case "name":
            for view in found:
                click.echo(view.name)
        case _:
            _write_table(found, columns, wide=output == "wide")


def write_explained(exporters: Sequence[Any]) -> None:
    """Writes the exporters that were considered for a lease; every column stays, since they are what was asked for."""
    _write_table(exporters, CONSIDERED_COLUMNS, wide=True)


def _content(found: Sequence[Any], *, single: bool) -> Any:
    return _plain(found[0]) if single else {"items": _plain(found)}


def _write_table(found: Sequence[Any], columns: Columns, *, wide: bool) -> None:
    if not found:
        click.echo("nothing found", err=True)
        return
    if not wide:
        columns = {
            title: column
            for title, column in columns.items()
            if not column.if_any or any(column.show(view) for view in found)
        }
    _Table(columns, wide=wide).write(found)


class _Table:
    """A table; further rows stand in the columns of the first ones."""

    def __init__(self, columns: Columns, *, wide: bool) -> None:
        self._columns = {title: column for title, column in columns.items() if wide or not column.wide}
        self._at_least = len(self._columns) if wide else list(self._columns).index("NAME") + 1
        self._layout: Layout | None = None

    def write(self, found: Sequence[Any]) -> None:
        rows = [self.row(view) for view in found]
        is_first = self._layout is None
        if self._layout is None:
            headings = [Heading(title, column.is_prose) for title, column in self._columns.items()]
            self._layout = lay_out(headings, rows, terminal_width(), at_least=self._at_least)
            rows.insert(0, tuple(self._columns))
        for row in rows:
            for line in self._layout.lines(row):
                click.echo(line)
        if is_first and self._layout.omitted:
            print_note(f"too narrow for {', '.join(self._layout.omitted)}; -o wide shows every column")

    def row(self, view: Any) -> tuple[str, ...]:
        return tuple(column.show(view) for column in self._columns.values())


class RowWriter:
    """Writes views again and again, each only where what is shown of it has changed; JSON and YAML as one document for
    each."""

    def __init__(self, columns: Columns, output: str | None) -> None:
        self._output = output
        self._table = _Table(columns, wide=output == "wide")
        self._shown: dict[str, Any] = {}

    def write(self, found: Sequence[Any]) -> None:
        changed = [view for view in found if self._shown.get(view.name) != self._what_is_shown(view)]
        self._shown = {view.name: self._what_is_shown(view) for view in found}
        if self._output in (None, "wide"):
            if changed:
                self._table.write(changed)
            return
        for view in changed:
            if self._output == "yaml":
                click.echo("---")
            write([view], {}, self._output, single=True)

    def _what_is_shown(self, view: Any) -> Any:
        match self._output:
            case "json" | "yaml":
                return view
            case "name":
                return view.name
            case _:
                return self._table.row(view)


def terminal_width() -> int | None:
    """The width of the terminal that shows the output; None where a program reads it."""
    if not sys.stdout.isatty():
        return None
    return os.get_terminal_size(sys.stdout.fileno()).columns or 80


def _plain(value: Any) -> Any:
    """Views as JSON and YAML know them."""
    if is_dataclass(value):
        return {_camel(field.name): _plain(getattr(value, field.name)) for field in fields(value) if field.repr}
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
