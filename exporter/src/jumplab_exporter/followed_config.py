"""The configuration as its files are now: its token and its CAs may be replaced while the exporter runs."""

import logging
from pathlib import Path

from jumplab.followed_setting import FollowedSetting
from jumplab_exporter.config import ExporterConfig, load, secret_files
from jumplab_exporter.errors import ConfigurationError

_log = logging.getLogger(__name__)


def followed(configuration: ExporterConfig, path: Path) -> FollowedSetting[ExporterConfig]:
    """configuration: as it was read from `path` first."""
    return FollowedSetting(configuration, lambda: _read(path), lambda: [path, *secret_files(path)])


def _read(path: Path) -> ExporterConfig | None:
    try:
        return load(path)
    except ConfigurationError as error:
        _log.warning("%s; the token and the CA that were read before are still used", error)
        return None
