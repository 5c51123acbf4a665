"""Which tests share a worker."""

import pytest

from tests.workers import shared_by


@pytest.mark.parametrize(
    ("nodeid", "name"),
    [
        ("tests/lab/test_a.py::test_x", "tests/lab/test_a.py"),
        ("tests/lab/test_a.py::test_x[cluster-qemu]", "tests/lab/test_a.py cluster"),
        ("tests/standalone/test_a.py::test_x[real-a[1].b: wrong]", "tests/standalone/test_a.py real"),
        ("tests/standalone/test_a.py::test_x[unreal]", "tests/standalone/test_a.py"),
        ("tests/charts/test_a.py::test_x[real]", "tests/charts/"),
    ],
)
def test_tests_of_a_file_on_one_server_are_together(nodeid: str, name: str) -> None:
    assert shared_by(nodeid) == name
