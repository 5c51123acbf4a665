"""How long ago something was, as kubectl's columns say it."""

from __future__ import annotations

from datetime import datetime, timedelta


def age(moment: str | None, now: datetime) -> str:
    """The time since an RFC 3339 moment: `5s`, `3m20s`, `2d4h`; `<unknown>` for none, `<invalid>` for nonsense."""
    if not moment:
        return "<unknown>"
    try:
        return duration(now - datetime.fromisoformat(moment))
    except (ValueError, TypeError):
        return "<invalid>"


def duration(span: timedelta) -> str:
    """A span in its one or two largest units, fewer the longer it is."""
    seconds = int(span.total_seconds())
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if seconds < -1:
        return "<invalid>"
    if seconds < 120:
        return f"{max(seconds, 0)}s"
    if minutes < 10:
        return _two(minutes, "m", seconds % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return _two(days, "d", hours % 24, "h")
    if days < 2 * 365:
        return f"{days}d"
    if days < 8 * 365:
        return _two(days // 365, "y", days % 365, "d")
    return f"{days // 365}y"


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large}{large_unit}{small}{small_unit}" if small else f"{large}{large_unit}"
