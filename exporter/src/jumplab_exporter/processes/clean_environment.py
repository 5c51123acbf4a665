"""What commands see of the exporter's environment, which may have secrets: their output reaches clients."""

import os

_PASSED_ON = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "TMPDIR", "TZ", "USER")


def clean_environment() -> dict[str, str]:
    """The variables that tell no secrets."""
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
