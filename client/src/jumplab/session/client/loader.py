"""Loads the client classes that a report names: only from packages that the user allows."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from jumplab.driver import AsyncDriverClient, AsyncGenericClient, DriverClient, errors
from jumplab.driver.interface import DriverInterface, interfaces_of, methods_of, name_of, version_of
from jumplab.protocol.labels import CLIENT_LABEL
from jumplab.protocol.v1.common_pb2 import DriverInstanceReport, InterfaceReport

SETTING = "drivers.allow"
_OWN = "jumplab.drivers"


@dataclass(frozen=True, slots=True)
class ClientClasses:
    """Which client classes a session may load.

    allow: import paths of packages besides Jumplab's own; a class is admitted where whole components of its path match
    (`acme` admits `acme.boards.Client`, never `acme_evil.Client`).  unsafe: admits everything.  With `allow=None`
    nothing is loaded and every driver has the generic client.
    """

    allow: tuple[str, ...] | None = ()
    unsafe: bool = False

    def admits(self, path: str) -> bool:
        """Whether the class at this import path may be loaded."""
        return self.unsafe or any(path.startswith(f"{package}.") for package in (*(self.allow or ()), _OWN))

    def client_for(self, report: DriverInstanceReport, path: str) -> type[AsyncDriverClient]:
        """The class for a driver: that of the newest interface version known here.

        Raises ClientNotAllowed, ClientMissing, or InterfaceMismatch where client and exporter can't work together.
        """
        named = _named_clients(report)
        if self.allow is None or not named:
            return AsyncGenericClient
        refusals: list[errors.DriverError] = []
        for name in named:
            try:
                client = self._load(name, path)
            except errors.DriverError as error:
                refusals.append(error)
            else:
                _check_contract(client, report, path)
                return client
        raise refusals[0]

    def _load(self, name: str, path: str) -> type[AsyncDriverClient]:
        if not self.admits(name):
            raise errors.ClientNotAllowed(
                f'driver "{path}" asks for the client class {name}, whose package is not allowed; '
                f'if you trust it, add "{name.split(".")[0]}" to {SETTING} of your client configuration'
            )
        module, _, attribute = name.rpartition(".")
        if not module:
            raise errors.ClientDefect(
                f'driver "{path}" names {name} as its client class, which is no import path, as "acme.clients.Client"'
            )
        try:
            found = getattr(import_module(module), attribute)
        except AttributeError as error:
            raise errors.ClientDefect(
                f'driver "{path}" needs the client class {name}, and {module} has no {attribute}; correct `client` of '
                f'the driver\'s interface, or update "{name.split(".")[0]}"'
            ) from error
        except ModuleNotFoundError as error:
            package = name.split(".")[0]
            if error.name is not None and not f"{module}.".startswith(f"{error.name}."):
                package = error.name
            message = f'driver "{path}" needs the client class {name}, which is not here ({error}); install "{package}"'
            raise errors.ClientMissing(message) from error
        except (Exception, SystemExit) as error:  # a package's own code, which may raise anything
            message = f'driver "{path}" needs the client class {name}, whose module can\'t be loaded: {error}'
            raise errors.ClientDefect(message) from error
        if isinstance(found, type) and issubclass(found, DriverClient):
            return found.asynchronous
        if isinstance(found, type) and issubclass(found, AsyncDriverClient):
            return found
        raise errors.ClientDefect(
            f'driver "{path}" names {name} as its client class, and it is none; write class {attribute}(DriverClient)'
        )


def reported_methods(report: DriverInstanceReport, path: str) -> Mapping[str, Mapping[str, Any]]:
    """The schema of each exported method, newest interface version first. Raises InterfaceMismatch."""
    methods: dict[str, Mapping[str, Any]] = {}
    for interface in sorted(report.interfaces, key=lambda reported: reported.version):
        methods |= _schema(interface, path)
    return methods


def _schema(interface: InterfaceReport, path: str) -> Mapping[str, Mapping[str, Any]]:
    """The schemas of an interface's methods, as an exporter writes them. Raises InterfaceMismatch for anything else."""
    try:
        methods = json.loads(interface.schema or "{}")
        if not all(_is_schema(method) for method in methods.values()):
            raise ValueError("a method has no kind or no arguments")
    except (ValueError, AttributeError, RecursionError) as error:
        raise errors.InterfaceMismatch(
            f'driver "{path}": the methods that the exporter reports of {interface.name} can\'t be read; '
            "update the older of the two"
        ) from error
    found: Mapping[str, Mapping[str, Any]] = methods
    return found


def _is_schema(method: Any) -> bool:
    if not isinstance(method, dict) or not isinstance(method.get("kind"), str):
        return False
    arguments = method.get("arguments")
    if not isinstance(arguments, dict) or not isinstance(arguments.get("properties", {}), dict):
        return False
    required = arguments.get("required", [])
    return isinstance(required, list) and all(isinstance(name, str) for name in required)


def _named_clients(report: DriverInstanceReport) -> list[str]:
    newest_first = sorted(report.interfaces, key=lambda interface: -interface.version)
    named: Iterable[str] = (report.labels.get(CLIENT_LABEL, ""), *(interface.client for interface in newest_first))
    return list(dict.fromkeys(name for name in named if name))


def _check_contract(client: type[AsyncDriverClient], report: DriverInstanceReport, path: str) -> None:
    """Compares what the client would send with what the exporter takes. Raises InterfaceMismatch."""
    reported = {(interface.name, interface.version): interface for interface in report.interfaces}
    for contract in interfaces_of(client):
        interface = reported.get((name_of(contract), version_of(contract)))
        if interface is None:
            offered = ", ".join(f"{name} version {version}" for name, version in reported) or "no interface"
            known = any(name == name_of(contract) for name, _ in reported)
            advice = "update" if known else "give the client class the driver's interface, or update"
            raise errors.InterfaceMismatch(
                f'driver "{path}" offers {offered}, and this client needs {name_of(contract)} version '
                f"{version_of(contract)}; {advice} the older of the two"
            )
        _check_methods(contract, _schema(interface, path), path)


def _check_methods(contract: type[DriverInterface], reported: Mapping[str, Any], path: str) -> None:
    for name, method in methods_of(contract).items():
        if name not in reported:
            continue  # an older exporter: calling this one method says so
        there = reported[name]["arguments"]
        here, offered = method.arguments(), set(there.get("properties", {}))
        sent, needed = {name for name, required in here.items() if required}, set(there.get("required", ()))
        if method.kind != reported[name]["kind"] or not needed <= set(here) or not sent <= offered:
            raise errors.InterfaceMismatch(
                f'driver "{path}": client and exporter disagree on {name_of(contract)}.{name}: here it takes '
                f"{sorted(here)}, there {sorted(offered)}; update the older of the two"
            )
