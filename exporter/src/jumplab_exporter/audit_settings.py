"""The part `auditLog` of an exporter's configuration file."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from jumplab.audit_log import DEFAULT_BYTES, FEWEST_BYTES, AuditLog
from jumplab.protocol.sizes import parse_size


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError("must be an absolute path")
    return path


def _bytes(value: Any) -> Any:
    return parse_size(value) if isinstance(value, str) else value


class AuditLogSettings(BaseModel):
    """Where the audit log is.

    file: its older parts get the endings .1 to .7.  size: of all of them together.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    file: Annotated[Path, AfterValidator(_absolute)]
    size_bytes: Annotated[int, BeforeValidator(_bytes), Field(ge=FEWEST_BYTES)] = Field(
        default=DEFAULT_BYTES, alias="size"
    )

    def log(self) -> AuditLog:
        """Not entered yet."""
        return AuditLog(self.file, "exporter", self.size_bytes)
