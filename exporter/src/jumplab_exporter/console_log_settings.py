"""The part `consoleLogs` of an exporter's configuration file."""

import os
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from jumplab.protocol.durations import parse_positive_duration
from jumplab_exporter.console_logs import ConsoleLogs

_UNITS = {"": 1, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40}
_SIZE = re.compile(r"(\d+) ?(Ki|Mi|Gi|Ti|)B?")


def _duration(value: Any) -> Any:
    return parse_positive_duration(value) if isinstance(value, str) else value


def _bytes(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    found = _SIZE.fullmatch(value)
    if found is None:
        raise ValueError(f'"{value}" is not a size; write it as 512MiB or 1GiB')
    return int(found[1]) * _UNITS[found[2]]


class ConsoleLogSettings(BaseModel):
    """What of the consoles' output stays on this machine after a lease.

    enabled: whether any does.  keep: for how long, a duration.  size: how much of all leases.
    folder: where; none: the service's state directory (systemd's STATE_DIRECTORY), else the user's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    enabled: bool = True
    keep: Annotated[timedelta, BeforeValidator(_duration), Field(gt=timedelta(0))] = timedelta(days=7)
    size_bytes: Annotated[int, BeforeValidator(_bytes), Field(ge=1)] = Field(default=1 << 30, alias="size")
    folder: Path | None = None

    def logs_of(self, exporter: str) -> ConsoleLogs | None:
        """The logs of one exporter, by its name; None where they are off."""
        if not self.enabled:
            return None
        folder = (self.folder or _state_folder() / "console-logs") / exporter
        return ConsoleLogs(folder, keep=self.keep, size_bytes=self.size_bytes, now=lambda: datetime.now(UTC))


def _state_folder() -> Path:
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    if given:
        return Path(given)
    if os.geteuid() != 0:
        with suppress(RuntimeError):  # a user without a home, as in some containers
            return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "jumplab-exporter"
    return Path("/var/lib/jumplab-exporter")
