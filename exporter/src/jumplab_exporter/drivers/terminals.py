"""Settings of terminals."""

from typing import Annotated

from pydantic import Field

TerminalType = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,40}$")]
"""As in the variable TERM."""

COLUMNS, ROWS = 80, 24
"""The size of every terminal: clients have windows of different sizes."""
