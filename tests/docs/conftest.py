"""What pages are tried on: a control plane that a test plays, a cluster."""

from tests.charts.conftest import cluster
from tests.exporter.conftest import configured, plane, running

__all__ = ["cluster", "configured", "plane", "running"]
