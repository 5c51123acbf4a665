"""The router's rules against any sequence of peers, its tokens and its metadata against anything."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from jumplab.transport.used_numbers import UsedNumbers
from jumplab_operator.router.relay import Router
from jumplab_operator.router.switchboard import MAX_WAITING_PER_LEASE, RelayStream, StreamRefused, Switchboard
from jumplab_operator.router.tokens import ALGORITHM, AUDIENCE, ISSUER, InvalidStreamToken, Role, StreamClaims, read
from tests.fuzz import FUZZED

KEY = ec.generate_private_key(ec.SECP256R1())
START = datetime(2026, 1, 1, tzinfo=UTC)

NAMES = st.sampled_from(["a", "b"])
OPENS = st.tuples(st.just("open"), NAMES, st.sampled_from(Role), NAMES, NAMES, st.integers(0, 3), st.integers(-1, 60))
STEPS = st.lists(
    st.one_of(
        OPENS,
        st.tuples(st.just("leave"), st.integers(0, 20)),
        st.tuples(st.just("finish"), st.integers(0, 20)),
        st.tuples(st.just("cut"), NAMES),
        st.tuples(st.just("wait"), st.integers(0, 100)),
    ),
    max_size=40,
)


class Game:
    """A switchboard, who sits there, and the time."""

    def __init__(self) -> None:
        self.now = START
        self.board = Switchboard(lambda: self.now)
        self.streams: list[RelayStream] = []
        self.opened: set[tuple[str, Role, int]] = set()
        self.cut: dict[str, datetime] = {}

    def play(self, step: tuple[Any, ...]) -> None:
        match step:
            case ("open", session, role, lease, exporter, number, seconds):
                expires = self.now + timedelta(seconds=seconds)
                self.open(StreamClaims(session, role, lease, f"lab/{lease}", "ci", exporter, expires, expires), number)
            case ("leave", index) if self.streams:
                self.board.unregister(self.streams.pop(index % len(self.streams)))
            case ("finish", index) if self.streams and self.streams[index % len(self.streams)].joined:
                self.streams[index % len(self.streams)].finish_sending()
            case ("cut", lease):
                self.board.cut(lease)
                self.cut[lease] = self.now
            case ("wait", seconds):
                self.now += timedelta(seconds=seconds)

    def open(self, claims: StreamClaims, number: int) -> None:
        try:
            stream = self.board.register(claims, number, wire=None)  # type: ignore[arg-type] # nothing is written here
        except StreamRefused:
            return
        assert claims.lease not in self.cut or self.now >= self.cut[claims.lease] + timedelta(seconds=60)
        self.streams.append(stream)

    def check(self) -> None:
        """No two peers meet that should not, and no role sits twice."""
        for stream in self.streams:
            if stream.joined:
                other = stream.opposite.result()
                assert other.claims.role is not stream.claims.role
                mine, theirs = (
                    (each.claims.session, each.claims.lease, each.claims.exporter, each.number)
                    for each in (stream, other)
                )
                assert mine == theirs
            if stream.claims.lease in self.cut and self.cut[stream.claims.lease] == self.now:
                assert stream.ended.done()
        places = [(stream.claims.session, stream.claims.role, stream.number) for stream in self.streams]
        assert len(places) == len(set(places))
        for lease in ("a", "b"):
            waiting = sum(not stream.joined for stream in self.streams if stream.claims.lease == lease)
            assert waiting <= MAX_WAITING_PER_LEASE


@FUZZED
@given(STEPS)
def test_whoever_comes_and_goes_only_the_two_ends_of_one_stream_meet(steps: list[tuple[Any, ...]]) -> None:
    async def play() -> None:
        game = Game()
        for step in steps:
            game.play(step)
            game.check()
        for stream in game.streams:
            game.board.unregister(stream)
        game.now += timedelta(days=1)
        game.streams.clear()
        game.open(StreamClaims("last", Role.CLIENT, "c", "lab/c", "ci", "e", game.now, game.now + timedelta(1)), 0)
        assert set(game.board._sessions) == {"last"}  # everything else is forgotten
        assert set(game.board._of_lease) == {"c"}
        assert not game.board._cut

    asyncio.run(play())


@FUZZED
@given(st.one_of(st.text(max_size=60), st.binary(max_size=60).map(lambda noise: noise.decode("latin-1"))))
def test_a_token_that_is_none_is_refused_with_a_sentence(token: str) -> None:
    with pytest.raises(InvalidStreamToken, match="dial again"):
        read(token, KEY.public_key())


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.lists(st.integers(), max_size=2)
)


@FUZZED
@given(
    st.fixed_dictionaries(
        dict.fromkeys(("role", "lease", "lease_name", "holder", "exporter", "deadline", "exp"), VALUES)
    )
)
def test_claims_of_any_type_are_read_or_refused(claims: dict[str, Any]) -> None:
    payload = {"iss": ISSUER, "aud": AUDIENCE, "sub": "s", **claims}
    with suppress(InvalidStreamToken, TypeError):  # TypeError: PyJWT's encoder takes only times for exp
        read(jwt.encode(payload, KEY, algorithm=ALGORITHM), KEY.public_key())


METADATA = st.lists(
    st.tuples(
        st.sampled_from(["authorization", "x-jumplab-stream", "user-agent"]),
        st.one_of(st.text(max_size=20), st.binary(max_size=20), st.sampled_from(["Bearer x", "bearer", "0", "-1"])),
    ),
    max_size=4,
)


@FUZZED
@given(METADATA)
def test_any_metadata_without_a_token_of_ours_is_refused(metadata: list[tuple[str, str | bytes]]) -> None:
    with pytest.raises(StreamRefused, match="dial"):
        Router(KEY.public_key())._identify(metadata)


@FUZZED
@given(st.lists(st.integers(0, 50), max_size=200))
def test_near_numbers_are_used_once(numbers: list[int]) -> None:
    used, model = UsedNumbers(), set[int]()
    for number in numbers:
        assert (number in used) == (number in model)
        used.add(number)
        model.add(number)


def test_a_million_numbers_cost_as_much_as_thousands() -> None:
    used = UsedNumbers()
    for number in range(1_000_000):
        assert number not in used
        used.add(number)
    assert len(used._used) <= 2048
    assert all(number in used for number in (0, 1, 500_000, 999_999))
    assert 1_000_000 not in used
