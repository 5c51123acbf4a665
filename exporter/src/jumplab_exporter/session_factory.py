"""Makes what the session of a lease consists of: its drivers, and what serves them to clients and to hooks."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from jumplab.driver import Driver
from jumplab.session.host import DriverTree, FailedDriver, SessionHost
from jumplab_exporter.audit import SILENT, By, ExporterAudit
from jumplab_exporter.config import LocalConfig
from jumplab_exporter.driver_factory import build_drivers
from jumplab_exporter.hooks.surroundings import HookSession
from jumplab_exporter.isolation.stand_ins import place_stand_ins
from jumplab_exporter.isolation.units import units_of
from jumplab_exporter.lifecycle_events import Lease

_log = logging.getLogger(__name__)


class SessionFactory:
    """The sessions of one configuration.

    epoch: names this process.  hook_folder: for the socket of hooks; None: a new folder for each.
    note_incident: called with a path and a sentence when the process of isolated drivers has ended by itself.
    audit: of the calls of hooks.
    """

    def __init__(
        self,
        config: LocalConfig,
        epoch: str,
        hook_folder: Path | None,
        note_incident: Callable[[str, str], None],
        audit: ExporterAudit = SILENT,
    ) -> None:
        self._config = config
        self._epoch = epoch
        self._hook_folder = hook_folder
        self._note_incident = note_incident
        self._audit = audit
        self._logged: dict[str, str] = {}

    def build_tree(self) -> DriverTree:
        """New drivers, with stand-ins for the isolated ones. What can't be built is logged."""
        drivers = build_drivers(self._config.export)
        units = units_of(self._config.export, drivers)
        tree = self._tree_of(place_stand_ins(drivers, units, self._scope, self._note_incident))
        self._log_failures(tree)
        return tree

    def build_described_tree(self) -> DriverTree:
        """New drivers, none of them a stand-in: to look at their settings, not to be set up."""
        return self._tree_of(build_drivers(self._config.export))

    @property
    def _scope(self) -> str:
        return f"{self._config.metadata.namespace}/{self._config.metadata.name}"

    def _tree_of(self, drivers: Mapping[str, Driver]) -> DriverTree:
        return DriverTree(drivers, scope=self._scope, description=self._config.description)

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
