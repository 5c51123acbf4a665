"""The real executables as processes, against a lab at the wire."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.user import Outcome, User
from tests.client import fixtures
from tests.client.authority import Authority
from tests.client.bench import Bench
from tests.client.lab_double import config_for

authority, bench, lab = fixtures.authority, fixtures.bench, fixtures.lab


@pytest.fixture
def stranger(tmp_path: Path) -> User:
    """A user without any configuration."""
    return User(tmp_path)


@pytest.fixture
def user(stranger: User, bench: Bench, authority: Authority) -> User:
    """A user whose client is configured."""
    stranger.configure(config_for(bench.port, authority))
    return stranger


@pytest.fixture
def one_sentence() -> Callable[[Outcome, int], str]:
    """Asserts how a failed command must end: its status, one line on standard error, nothing on standard output."""

    def check(outcome: Outcome, status: int) -> str:
        assert outcome.status == status, outcome
        assert outcome.out == ""
        assert outcome.err.count("\n") == 1, outcome.err
        assert outcome.err.startswith(("jumplab: ", "j: "))
        assert "Traceback" not in outcome.err
        return outcome.err

    return check
