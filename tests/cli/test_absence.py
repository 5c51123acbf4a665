"""For how long the user of a new lease may be away, and up to when use extends it: what the commands ask for."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from jumplab.protocol.client_v1 import client_pb2
from tests.cli.terminal import Terminal
from tests.cli.user import Outcome, User
from tests.client.bench import Bench
from tests.client.lab_double import resource

OneSentence = Callable[[Outcome, int], str]


def asked(bench: Bench, name: str = "demo") -> client_pb2.Lease:
    """The lease as it was asked for."""
    return bench.lab.leases[resource(name)]


def limit(bench: Bench) -> timedelta | None:
    lease = asked(bench)
    return lease.release_after_detached.ToTimedelta() if lease.HasField("release_after_detached") else None


async def test_a_shell_without_a_terminal_may_be_away_for_two_minutes(user: User, bench: Bench) -> None:
    await user.run("jumplab", "shell", "-l", "board=x", "--name", "demo", "--", "true")
    assert limit(bench) == timedelta(minutes=2)
    assert not asked(bench).HasField("max_duration")


@pytest.mark.parametrize("command", ["shell", "console"])
async def test_a_person_at_a_terminal_may_be_away_for_a_quarter_of_an_hour(
    user: User, bench: Bench, command: str
) -> None:
    terminal = Terminal(user, "jumplab", command, "-l", "board=x", "--name", "demo")
    await terminal.expect("is ready")
    assert limit(bench) == timedelta(minutes=15)
    if command == "shell":
        await terminal.expect("sh> ")
        terminal.type("exit\r")
    else:
        await terminal.expect("=> ")
        terminal.type("\x1d\x1d")
    await terminal.status()


async def test_a_lease_that_is_kept_has_no_limit(user: User, bench: Bench) -> None:
    await user.run("jumplab", "shell", "-l", "board=x", "--name", "demo", "--keep-detached", "--", "true")
    assert limit(bench) is None


async def test_a_lease_of_create_lease_has_no_limit_and_may_be_extended(user: User, bench: Bench) -> None:
    created = await user.run("jumplab", "create", "lease", "-l", "board=x", "--name", "demo", "--max", "4h")
    assert created.status == 0
    assert limit(bench) is None
    assert asked(bench).max_duration.ToTimedelta() == timedelta(hours=4)
    refused = await user.run("jumplab", "create", "lease", "-l", "board=x", "--keep-detached")
    assert refused.status == 2


@pytest.mark.parametrize("command", ["shell", "console"])
async def test_a_maximum_is_asked_for_with_the_lease(user: User, bench: Bench, command: str) -> None:
    await user.run("jumplab", command, "-l", "board=x", "--name", "demo", "--duration", "1h", "--max", "1d", stdin="")
    assert not bench.lab.leases  # days are no unit
    await user.run("jumplab", command, "-l", "board=x", "--name", "demo", "--duration", "1h", "--max", "24h", stdin="")
    assert asked(bench).max_duration.ToTimedelta() == timedelta(days=1)


@pytest.mark.parametrize("option", [("--max", "4h"), ("--keep-detached",)])
async def test_a_lease_that_exists_is_left_as_it_is(
    user: User, bench: Bench, one_sentence: OneSentence, option: tuple[str, ...]
) -> None:
    await user.run("jumplab", "create", "lease", "-l", "board=x", "--name", "demo")
    failed = await user.run("jumplab", "shell", "--lease", "demo", *option, "--", "true")
    assert "leave out --max and --keep-detached" in one_sentence(failed, 2)
    assert (await user.run("jumplab", "shell", "--lease", "demo", "--", "true")).status == 0
    assert limit(bench) is None


async def test_a_maximum_below_the_duration_is_refused_before_anything_is_leased(
    user: User, bench: Bench, one_sentence: OneSentence
) -> None:
    failed = await user.run("jumplab", "shell", "-l", "board=x", "--max", "20m", "--", "true")
    assert "the maximum 20m is less than the duration 30m; raise it" in one_sentence(failed, 2)
    assert not bench.lab.leases


async def test_an_exporter_s_own_file_needs_neither(user: User, one_sentence: OneSentence) -> None:
    for option in (("--max", "4h"), ("--keep-detached",)):
        failed = await user.run("jumplab", "shell", "--exporter-config", "bench.yaml", *option, "--", "true")
        assert f"leave out {option[0]}" in one_sentence(failed, 2)
