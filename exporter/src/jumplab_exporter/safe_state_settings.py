"""The section `safeState` of an exporter's configuration."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from jumplab.config_fields import AlsoWritten


def _state_name(value: Any) -> Any:
    """`on` and `off` are booleans to YAML, and names of states here."""
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else value


class SafeState(BaseModel):
    """Into which state a driver is brought before and after each lease.

    driver: its names, joined by dots;  state: one of its interface, such as off.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    driver: str = Field(min_length=1)
    state: Annotated[str, BeforeValidator(_state_name), AlsoWritten({"type": "boolean"})] = Field(min_length=1)
