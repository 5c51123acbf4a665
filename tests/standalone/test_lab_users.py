"""The users of a one-machine lab: the operator works with its own rights, and a Client holds leases in its own name."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from jumplab_operator.call_rates import CallRates, _Turn
from jumplab_operator.control_plane import one_machine
from jumplab_operator.lab_users import OPERATOR, LabUsers
from jumplab_operator.leasing.model import lease_ownership
from jumplab_operator.standalone.auth.users import User
from jumplab_operator.standalone.storage.store import Key
from tests.kube.client import Answer, KubeClient

SECRETS = "/api/v1/namespaces/default/secrets"
LAB = "/apis/jumpstarter.dev/v1alpha1/namespaces/default"
MAY_BE_MADE = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


class People:
    """The administrator and two Clients with their credentials, at one control plane."""

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster = config["clusters"][0]["cluster"]
        self._url, self._ca = cluster["server"], folder / "people-ca.crt"
        self._ca.write_bytes(base64.b64decode(cluster["certificate-authority-data"]))
        self.admin = KubeClient(self._url, self._ca, config["users"][0]["user"]["token"])

    def with_token(self, token: str) -> KubeClient:
        return KubeClient(self._url, self._ca, token)

    async def client(self, name: str) -> KubeClient:
        """A Client of that name, once the operator has given it its credential."""
        made = {"apiVersion": "jumpstarter.dev/v1alpha1", "kind": "Client", "metadata": {"name": name}}
        await asyncio.to_thread(lambda: self.admin.create(f"{LAB}/clients", made).ok())
        return self.with_token(await self.token(name))

    async def token(self, name: str) -> str:
        async with asyncio.timeout(240):
            while True:
                secret = await asyncio.to_thread(self.admin.get, f"/api/v1/namespaces/default/secrets/{name}-client")
                if secret.code == 200:
                    return base64.b64decode(secret.body["data"]["token"]).decode()
                await asyncio.sleep(0.02)


@pytest.fixture
async def people(tmp_path: Path) -> AsyncIterator[People]:
    async with one_machine(tmp_path / "data", "127.0.0.1", 0, 0, None) as running:
        assert running.kubeconfig is not None
        people = People(running.kubeconfig, tmp_path)
        yield people
        people.admin.close()


def lease(name: str, client: str) -> dict[str, Any]:
    spec = {"clientRef": {"name": client}, "selector": {"matchLabels": {"board": "x"}}, "duration": "30m"}
    return {"apiVersion": "jumpstarter.dev/v1alpha1", "kind": "Lease", "metadata": {"name": name}, "spec": spec}


async def asked(ask: Any, *arguments: Any) -> Answer:
    answer: Answer = await asyncio.to_thread(ask, *arguments)
    return answer


async def test_a_client_makes_and_ends_leases_in_its_own_name(people: People) -> None:
    ci, other = await people.client("ci"), await people.client("other")
    assert (await asked(ci.create, f"{LAB}/leases", lease("mine", "ci"))).code == 201
    answer = await asked(ci.create, f"{LAB}/leases", lease("stolen", "other"))
    assert answer.code == 403
    refused = 'client "ci" may not create a lease for client "other"; put its own name into clientRef'
    assert answer.message == f'leases.jumpstarter.dev "stolen" is forbidden: {refused}'
    answer = await asked(other.patch, f"{LAB}/leases/mine", {"spec": {"release": True}})
    assert answer.code == 403
    assert answer.message.endswith('lease "mine" belongs to client "ci", not to "other"')
    assert (await asked(other.delete, f"{LAB}/leases/mine")).code == 403
    assert (await asked(other.get, f"{LAB}/leases/mine")).code == 200
    assert (await asked(ci.delete, f"{LAB}/leases/mine")).code == 200
    ci.close()
    other.close()


async def test_a_client_may_do_nothing_else(people: People) -> None:
    ci = await people.client("ci")
    assert (await asked(ci.get, f"{LAB}/exporters")).code == 200
    assert (await asked(ci.get, f"{LAB}/clients/ci")).code == 200
    for path in (f"{LAB}/clients/other", f"{LAB}/clients", "/api/v1/namespaces/default/secrets"):
        assert (await asked(ci.get, path)).code == 403, path
    assert (await asked(ci.get, f"{LAB.replace('default', 'elsewhere')}/leases")).code == 403
    assert (await asked(ci.get, "/apis/jumpstarter.dev/v1alpha1/leases")).code == 403
    answer = await asked(ci.patch, f"{LAB}/leases/mine/status", {"status": {"ended": True}})
    assert 'User "client:default:ci" cannot patch resource "leases/status"' in answer.message
    assert (await asked(ci.delete, f"{LAB}/leases")).code == 403
    impersonating = await asked(lambda: ci.request("GET", f"{LAB}/leases", more={"Impersonate-User": "admin"}))
    assert impersonating.code == 403
    ci.close()


async def test_a_replaced_credential_is_dead(people: People) -> None:
    ci = await people.client("ci")
    assert (await asked(ci.get, f"{LAB}/leases")).code == 200
    await asked(people.admin.delete, f"{SECRETS}/ci-client")
    assert (await asked(ci.get, f"{LAB}/leases")).code == 401
    ci.close()


async def test_a_credential_ends_with_its_client(people: People) -> None:
    ci = await people.client("ci")
    await asked(people.admin.delete, f"{LAB}/clients/ci")
    assert (await asked(ci.get, f"{LAB}/leases")).code == 401
    ci.close()


def watched(client: KubeClient, begun: threading.Event) -> list[str]:
    """The names of the leases that a watch tells of, up to its end."""
    told = []
    with client.watch(f"{LAB}/leases?watch=true") as events:
        for event in events:
            told.append(event["object"]["metadata"]["name"])
            begun.set()
    return told


@asynccontextmanager
async def watching(client: KubeClient) -> AsyncIterator[asyncio.Task[list[str]]]:
    """A watch of leases, once it has told of the first; it must have ended by the end of the context."""
    begun = threading.Event()
    watch = asyncio.create_task(asyncio.to_thread(watched, client, begun))
    await asyncio.to_thread(begun.wait)
    yield watch
    await watch


@pytest.mark.parametrize("gone", [f"{LAB}/clients/ci", f"{SECRETS}/ci-client"], ids=["client", "secret"])
async def test_a_clients_watches_end_when_it_is_revoked_and_nobody_elses(people: People, gone: str) -> None:
    ci, other = await people.client("ci"), await people.client("other")
    await asked(people.admin.create, f"{LAB}/leases", lease("first", "other"))
    async with watching(other) as stays:
        async with watching(ci) as ends:
            assert (await asked(people.admin.delete, gone)).code == 200
        assert set(await ends) == {"first"}
        assert (await asked(ci.get, f"{LAB}/leases")).code == 401
        assert not stays.done()
        await asked(people.admin.create, f"{LAB}/leases", lease("second", "other"))
        await asked(people.admin.delete, f"{SECRETS}/other-client")
    assert "second" in await stays
    ci.close()
    other.close()


async def test_a_disabled_clients_watches_end_and_it_is_let_in_when_it_is_enabled(people: People) -> None:
    ci = await people.client("ci")
    await asked(people.admin.create, f"{LAB}/leases", lease("first", "other"))
    async with watching(ci) as ends:
        disabled = await asked(people.admin.patch, f"{LAB}/clients/ci", {"spec": {"enabled": False}})
        assert disabled.code == 200
        assert (await asked(ci.get, f"{LAB}/leases")).code == 401
    assert set(await ends) == {"first"}
    await asked(people.admin.patch, f"{LAB}/clients/ci", {"spec": {"enabled": True}})
    assert (await asked(ci.get, f"{LAB}/leases")).code == 200
    ci.close()


async def test_a_watch_ends_when_the_token_that_began_it_is_replaced(people: People) -> None:
    ci = await people.client("ci")
    await asked(people.admin.create, f"{LAB}/leases", lease("first", "ci"))
    async with watching(ci):
        await asked(people.admin.patch, f"{SECRETS}/ci-client", {"data": {"token": None}})
        assert (await asked(ci.get, f"{LAB}/leases")).code == 401
    ci.close()


async def test_the_previous_token_is_accepted_until_its_time_is_over(people: People) -> None:
    ci = await people.client("ci")
    annotations = {"jumplab.dev/rotate-token": "once", "jumplab.dev/token-overlap": "1h"}
    await asked(people.admin.create, f"{LAB}/leases", lease("first", "ci"))
    async with watching(ci):
        await asked(people.admin.patch, f"{LAB}/clients/ci", {"metadata": {"annotations": annotations}})
        while "previous-token" not in (await asked(people.admin.get, f"{SECRETS}/ci-client")).ok()["data"]:
            pass  # each answer is the wait
        assert (await asked(ci.get, f"{LAB}/leases")).code == 200
        past = base64.b64encode(b"2026-01-01T00:00:00+00:00").decode()
        await asked(people.admin.patch, f"{SECRETS}/ci-client", {"data": {"previous-token-until": past}})
    assert (await asked(ci.get, f"{LAB}/leases")).code == 401
    ci.close()


async def test_an_administrator_asks_as_a_client(people: People) -> None:
    def may(verb: str, resource: str) -> bool:
        what = {"verb": verb, "group": "jumpstarter.dev", "resource": resource, "namespace": "default"}
        headers = {"Impersonate-User": "client:default:ci"}
        answer = people.admin.request("POST", MAY_BE_MADE, {"spec": {"resourceAttributes": what}}, more=headers)
        return bool(answer.ok()["status"]["allowed"])

    assert await asyncio.to_thread(may, "create", "leases")
    assert not await asyncio.to_thread(may, "create", "exporters")


def held(holder: str, accepted: str = "") -> dict[str, Any]:
    made = lease("a", holder)
    return {**made, "status": {"accepted": {"clientRef": {"name": accepted}}}} if accepted else made


@pytest.mark.parametrize(
    ("old", "new", "admitted"),
    [
        (None, held("ci"), True),
        (None, held("other"), False),
        (None, {"spec": {}}, False),
        (held("ci"), held("ci"), True),
        (held("ci"), held("other"), False),
        (held("ci", "ci"), held("other", "ci"), True),
        (held("ci", "other"), held("ci", "other"), False),
        (held("other"), held("ci"), False),
        (held("ci"), None, True),
        (held("other"), None, False),
    ],
    ids=["own", "another's", "nobody's", "change", "handed over too early", "handed over", "accepted for another",
         "taken", "end", "end of another's"],
)  # fmt: skip
def test_in_whose_name(old: dict[str, Any] | None, new: dict[str, Any] | None, admitted: bool) -> None:
    users, key = LabUsers("t"), Key("leases.jumpstarter.dev", "default", "a")
    refusal = users.refusal(User("client:default:ci"), key, old, new)
    assert (refusal is None) == admitted
    assert users.refusal(OPERATOR, key, old, new) is None


def test_both_doors_ask_the_same_question() -> None:
    assert lease_ownership.creation_refusal("a", "a") is None
    assert lease_ownership.change_refusal("a", "l", "b") == 'lease "l" belongs to client "b", not to "a"'
    assert lease_ownership.transfer_refusal("a", "b", accepted=True) is None
    assert lease_ownership.transfer_refusal("a", "b", accepted=False) == lease_ownership.creation_refusal("a", "b")


async def test_a_client_can_not_keep_its_lease_from_being_deleted(people: People) -> None:
    ci, held = await people.client("ci"), lease("held", "ci")
    held["metadata"]["finalizers"] = ["example.com/mine"]
    assert (await asked(ci.create, f"{LAB}/leases", lease("mine", "ci"))).code == 201
    added = {"metadata": {"finalizers": ["example.com/mine"]}}
    for answer in (
        await asked(ci.create, f"{LAB}/leases", held),
        await asked(ci.patch, f"{LAB}/leases/mine", added),
    ):
        assert answer.code == 403
        assert 'client "ci" may not set finalizers on a lease; leave them out' in answer.message
    assert (await asked(people.admin.patch, f"{LAB}/leases/mine", added)).code == 200
    assert (await asked(ci.patch, f"{LAB}/leases/mine", {"metadata": {"labels": {"a": "b"}}})).code == 200


async def test_a_client_has_so_many_leases_that_have_not_ended(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_ownership, "MOST_LEASES", 1)
    ci = await people.client("ci")
    assert (await asked(ci.create, f"{LAB}/leases", lease("first", "ci"))).code == 201
    async with asyncio.timeout(240):
        while (answer := await asked(ci.create, f"{LAB}/leases", lease("second", "ci"))).code == 201:
            await asked(ci.delete, f"{LAB}/leases/second")  # the operator had not heard of the first one yet
    assert answer.code == 403
    assert 'client "ci" has 1 leases that have not ended, the limit is 1; release some' in answer.message
    assert (await asked(people.admin.create, f"{LAB}/leases", lease("second", "ci"))).code == 201


async def test_a_client_that_asks_too_often_hears_when_to_come_back(people: People) -> None:
    ci, other = await people.client("ci"), await people.client("other")
    tasks = [asyncio.to_thread(ci.get, f"{LAB}/leases") for _ in range(4)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            CallRates, "_turn", lambda _, caller, turns: _Turn(0, refused_for=int('"client:default:ci"' in caller))
        )
        refused = await asyncio.gather(*tasks)
        assert (await asked(other.get, f"{LAB}/leases")).code == 200
        assert (await asked(people.admin.get, f"{LAB}/leases")).code == 200
    assert {each.code for each in refused} == {429}
    assert refused[0].body["reason"] == "TooManyRequests"
    assert refused[0].message == (
        'user "client:default:ci" asks too often: 200 requests a second are carried out, and each 4 KiB of them '
        "count as one; try again in 1 s"
    )
    assert (await asked(ci.get, f"{LAB}/leases")).code == 200


async def test_a_client_sends_less_at_once_than_the_administrator(people: People) -> None:
    ci = await people.client("ci")
    large = lease("large", "ci")
    large["metadata"]["annotations"] = {"example.com/a": "x" * (128 * 1024)}
    answer = await asked(ci.create, f"{LAB}/leases", large)
    assert (answer.code, answer.body["reason"]) == (413, "RequestEntityTooLarge")
    assert "larger than the limit of 131072 bytes" in answer.message
    assert (await asked(people.admin.create, f"{LAB}/leases", large)).code == 201
    large["metadata"] = {"name": "smaller", "annotations": {"example.com/a": "x" * (100 * 1024)}}
    assert (await asked(ci.create, f"{LAB}/leases", large)).code == 201


async def test_a_large_request_of_a_client_counts_as_many(people: People) -> None:
    ci = await people.client("ci")
    turns: list[int] = []

    def counted(_: CallRates, caller: str, count: int) -> _Turn:
        turns.append(count)
        return _Turn(0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CallRates, "_turn", counted)
        await asked(ci.get, f"{LAB}/leases")
        await asked(ci.create, f"{LAB}/leases", lease("own", "ci"))
        large = {"metadata": {"name": "large", "annotations": {"a": "x" * 102_400}}}
        await asked(ci.create, f"{LAB}/leases", large)
    assert turns == [1, 1, 26]
