"""The process that started this one, such as the shell of a step of a pipeline, and its end."""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass

from jumplab.children import until_readable

_OFF = ("", "0", "false", "no", "off")
_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class ParentProcess:
    """The parent that this process had when it was asked."""

    pid: int

    @classmethod
    def watched(cls, asked: bool, environment: Mapping[str, str]) -> "ParentProcess | None":
        """The parent, where its end is to end this process: if that was asked for, or in a pipeline, which sets CI."""
        in_pipeline = environment.get("CI", "").strip().lower() not in _OFF
        return cls(os.getppid()) if asked or in_pipeline else None

    async def ended(self) -> None:
        """Waits until the parent has ended, without a bound."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except (AttributeError, OSError):  # macOS; or a parent in another container, or one that has ended
            await self._looked_for()
            return
        if self._is_there():  # else the number may be another process's already
            await until_readable(descriptor)
        else:
            os.close(descriptor)

    async def _looked_for(self) -> None:
        while self._is_there():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(_LOOK_SECONDS)

    def _is_there(self) -> bool:
        return os.getppid() == self.pid
