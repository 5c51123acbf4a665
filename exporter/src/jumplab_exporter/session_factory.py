"""Makes what the session of a lease consists of: its drivers, and what serves them to clients and to hooks."""

import logging
from pathlib import Path

from jumplab.session.host import DriverTree, FailedDriver, SessionHost
from jumplab_exporter.audit import SILENT, By, ExporterAudit
from jumplab_exporter.config import LocalConfig
from jumplab_exporter.driver_factory import build_drivers
from jumplab_exporter.hooks.surroundings import HookSession
from jumplab_exporter.lifecycle import Lease

_log = logging.getLogger(__name__)


class SessionFactory:
    """The sessions of one configuration.

    epoch: names this process.  hook_folder: for the socket of hooks; None: a new folder for each.
    audit: of the calls of hooks.
    """

    def __init__(
        self, config: LocalConfig, epoch: str, hook_folder: Path | None, audit: ExporterAudit = SILENT
    ) -> None:
        self._config = config
        self._epoch = epoch
        self._hook_folder = hook_folder
        self._audit = audit
        self._logged: dict[str, str] = {}

    def build_tree(self) -> DriverTree:
        """New drivers. What can't be built is logged."""
        name = f"{self._config.metadata.namespace}/{self._config.metadata.name}"
        tree = DriverTree(build_drivers(self._config.export), scope=name, description=self._config.description)
        self._log_failures(tree)
        return tree

    def open_session(self, tree: DriverTree, lease: Lease) -> SessionHost:
        """For the clients of a lease."""
        return SessionHost(
            tree,
            exporter_name=self._config.metadata.name,
            lease_name=lease.name,
            epoch=self._epoch,
            motd=self._config.motd,
        )

    def open_hook_session(self, tree: DriverTree, lease: Lease) -> HookSession:
        """For a hook of a lease."""
        name = self._config.metadata.name
        host = SessionHost(tree, exporter_name=name, lease_name=lease.name, epoch=self._epoch, sends_logs=False)
        return HookSession(host, name, self._hook_folder, self._audit.observer(lease, "", By.HOOK))

    def _log_failures(self, tree: DriverTree) -> None:
        """Each once, since drivers are built for each lease and each check."""
        for path, reason in tree.failures().items():
            if self._logged.get(path) != reason:
                self._logged[path] = reason
                driver = next(node.driver for node in tree.nodes.values() if node.path == path)
                fault = driver.fault if isinstance(driver, FailedDriver) else None
                _log.error("can't be used: %s", reason, extra={"driver_path": path}, exc_info=fault)
