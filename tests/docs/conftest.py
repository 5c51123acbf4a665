"""What pages are tried on: a control plane that a test plays, a lab, a cluster."""

from collections.abc import Iterator

import pytest

from tests.charts.conftest import cluster
from tests.docs.lab_of_pages import LabOfPages, lab_of_pages
from tests.exporter.conftest import configured, plane, running

__all__ = ["cluster", "configured", "plane", "running"]


@pytest.fixture(scope="session")
def page_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabOfPages]:
    """A lab, once for all pages of a run."""
    with lab_of_pages(tmp_path_factory.mktemp("lab-of-pages")) as lab:
        yield lab
