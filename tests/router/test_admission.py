"""Which streams may be opened, and what the others are told."""

import asyncio
from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from grpc import StatusCode

from jumplab.transport.channel import open_channel
from jumplab_operator.router import tokens
from jumplab_operator.router.switchboard import MAX_WAITING_PER_LEASE
from jumplab_operator.router.tokens import AUDIENCE, ISSUER, LIFETIME, InvalidStreamToken, Role, TokenReader, mint
from tests.worlds.relay import METHOD, Bench, Peers, ending


async def refusal(
    peers: Peers, role: Role = Role.CLIENT, number: int | str = 0, **changes: object
) -> tuple[StatusCode, str]:
    return await ending(await peers.stream(role, number, **changes))  # type: ignore[arg-type]


async def test_a_stream_without_a_token_is_refused(peers: Peers) -> None:
    async with open_channel(peers.bench.endpoint) as channel:
        code, sentence = await ending(channel.stream_stream(METHOD)(timeout=240))
    assert code is StatusCode.UNAUTHENTICATED
    assert "dial first" in sentence


@pytest.mark.parametrize("authorization", ["Bearer", "Bearer ", "Bearer two words", "Basic Og=="])
async def test_an_empty_token_is_refused(peers: Peers, authorization: str) -> None:
    async with open_channel(peers.bench.endpoint) as channel:
        call = channel.stream_stream(METHOD)(metadata=(("authorization", authorization),), timeout=20)
        code, _ = await ending(call)
    assert code is StatusCode.UNAUTHENTICATED


async def test_a_token_of_another_key_is_refused(peers: Peers) -> None:
    forged = mint(peers.bench.claims(Role.CLIENT), ec.generate_private_key(ec.SECP256R1()))
    code, sentence = await refusal(peers, token=forged)
    assert code is StatusCode.PERMISSION_DENIED
    assert "not valid" in sentence


@pytest.mark.parametrize(
    "claims",
    [
        {"role": "root"},
        {"deadline": "tomorrow"},
        {"deadline": 1e300},
        {"iss": "someone"},
        {"aud": "something"},
        {"lease": None},
    ],
)
async def test_a_token_with_other_claims_is_refused(peers: Peers, claims: dict[str, object]) -> None:
    honest = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": "s", "role": "client", "lease": "l", "lease_name": "n/l",
        "holder": "c", "exporter": "e", "deadline": 4e9, "exp": 4e9,
    }  # fmt: skip
    payload = {key: value for key, value in {**honest, **claims}.items() if value is not None}
    code, _ = await refusal(peers, token=jwt.encode(payload, peers.bench.key, algorithm="ES256"))
    assert code is StatusCode.PERMISSION_DENIED


async def test_an_unsigned_token_is_refused(peers: Peers) -> None:
    code, _ = await refusal(peers, token=jwt.encode({"sub": "s"}, key="", algorithm="none"))
    assert code is StatusCode.PERMISSION_DENIED


async def test_a_second_peer_of_the_same_role_is_refused(peers: Peers) -> None:
    await peers.pair()
    for role in Role:
        code, sentence = await refusal(peers, role)
        assert code is StatusCode.PERMISSION_DENIED
        assert f"the {role.value} has already opened stream 0" in sentence


async def test_a_number_is_opened_once_even_after_it_has_ended(peers: Peers) -> None:
    client, exporter = await peers.pair(1)
    await client.done_writing()
    await exporter.done_writing()
    await ending(client)
    await ending(exporter)
    code, _ = await refusal(peers, number=1)
    assert code is StatusCode.PERMISSION_DENIED


async def test_two_peers_of_the_same_role_never_meet(peers: Peers) -> None:
    """Whichever comes second is refused; the first goes on waiting."""
    calls = [await peers.stream(Role.CLIENT) for _ in range(2)]
    endings = [asyncio.create_task(ending(call), name="ending") for call in calls]
    (first,), (other,) = await asyncio.wait(endings, timeout=240, return_when=asyncio.FIRST_COMPLETED)
    assert first.result()[0] is StatusCode.PERMISSION_DENIED
    other.cancel()


@pytest.mark.parametrize("changes", [{"lease": "another"}, {"exporter": "another"}])
async def test_a_peer_of_another_lease_or_exporter_is_refused(peers: Peers, changes: dict[str, str]) -> None:
    await peers.pair()
    code, sentence = await refusal(peers, Role.EXPORTER, 1, **changes)
    assert code is StatusCode.PERMISSION_DENIED
    assert "another lease" in sentence


async def test_an_expired_token_opens_no_session(peers: Peers) -> None:
    code, sentence = await refusal(peers, expires=peers.bench.now() - timedelta(seconds=1))
    assert code is StatusCode.PERMISSION_DENIED
    assert "expired" in sentence


async def test_a_session_that_runs_opens_further_streams_after_its_token_has_expired(peers: Peers) -> None:
    deadline = peers.bench.now() + timedelta(hours=1)
    expires = peers.bench.now() + LIFETIME
    client, exporter = await peers.pair(0, expires=expires, deadline=deadline)
    peers.bench.ahead = 2 * LIFETIME
    await peers.pair(1, expires=expires, deadline=deadline)
    client.cancel()
    await ending(exporter)
    code, _ = await refusal(peers, number=2, expires=expires, deadline=deadline)
    assert code is StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize("number", ["-1", "x", "0x0", "99999999999"])
async def test_a_stream_number_that_is_none_is_refused(peers: Peers, number: str) -> None:
    code, sentence = await refusal(peers, number=number)
    assert code is StatusCode.INVALID_ARGUMENT
    assert number in sentence


async def test_streams_that_wait_are_bounded_for_each_lease(peers: Peers) -> None:
    async with open_channel(peers.bench.endpoint, token=peers.bench.token(Role.CLIENT)) as channel:
        waiting = [
            channel.stream_stream(METHOD)(metadata=(("x-jumplab-stream", str(number)),), timeout=240)
            for number in range(MAX_WAITING_PER_LEASE)
        ]
        for call in waiting:
            await call.write(b"")
        # The router has taken the last one in once its pair is joined.
        last = await peers.stream(Role.EXPORTER, MAX_WAITING_PER_LEASE - 1)
        assert await last.read() == b""
        one_more = channel.stream_stream(METHOD)(metadata=(("x-jumplab-stream", "900"),), timeout=240)
        await one_more.write(b"")
        code, sentence = await refusal(peers, number=901)
        assert code is StatusCode.RESOURCE_EXHAUSTED
        assert "close some" in sentence
        await peers.pair(session="s2", lease="other-lease")
        for call in (*waiting, one_more):
            call.cancel()


def test_a_token_reader_remembers_a_bounded_number_of_tokens_and_forgets_the_one_unused_for_longest(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "_REMEMBERED", 2)
    reader, claims = TokenReader(bench.key.public_key()), bench.claims(Role.CLIENT)
    for token in ("first", "second"):
        reader.remember(token, claims)
    assert reader.read("first") == claims
    reader.remember("third", claims)
    assert reader.read("first") == claims
    with pytest.raises(InvalidStreamToken):
        reader.read("second")
