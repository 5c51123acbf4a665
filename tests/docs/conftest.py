"""A control plane that a test plays, as tests of the exporter have it."""

from tests.exporter.conftest import configured, plane, running

__all__ = ["configured", "plane", "running"]
