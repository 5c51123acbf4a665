"""Mistakes of a driver's author that Python lets pass, as sentences for whoever has written it."""

from jumplab.driver.driver import Driver
from jumplab.driver.interface import interfaces_of


def unbuilt(driver: Driver) -> str:
    """Why the driver's object is none, where its class has an `__init__` that leaves Driver's out; or empty."""
    if hasattr(driver, "log") and hasattr(driver, "children"):
        return ""
    return (
        f"{_path(driver)}.__init__ does not call Driver's; write super().__init__(**configuration) as its first line, "
        "with **configuration among its arguments"
    )


def without_interface(driver: Driver) -> str:
    """That nothing of the driver could be called, where its class names no interface; or empty."""
    if interfaces_of(type(driver)):
        return ""
    name = type(driver).__name__
    return (
        f"{_path(driver)} names no interface, and only an interface's methods can be called; write "
        f"class {name}(PowerInterface, Driver), with the one of jumplab.drivers that fits in PowerInterface's place, "
        "or a DriverInterface of your own"
    )


def _path(driver: Driver) -> str:
    return f"{type(driver).__module__}.{type(driver).__qualname__}"
