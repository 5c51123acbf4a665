"""What the documentation shows works."""

from pathlib import Path

import pytest

from jumplab.session.host import FailedDriver
from jumplab_exporter.config import load
from jumplab_exporter.driver_factory import build_drivers

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("exporter*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_read_and_its_drivers_are_built(path: Path) -> None:
    drivers = build_drivers(load(path).export)
    assert drivers
    assert not [driver for driver in drivers.values() if isinstance(driver, FailedDriver)]
