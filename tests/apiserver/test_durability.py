"""The standalone API over kills and restarts: what was acknowledged stays, and versions never go back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from tests.apiserver import widgets
from tests.apiserver.conftest import CRDS
from tests.apiserver.widgets import GROUP, widget
from tests.kube.client import KubeClient
from tests.kube.servers import StandaloneApi

PATH = f"/apis/{GROUP}/v1/namespaces/default/widgets"
SECRETS = "/api/v1/namespaces/default/secrets"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[StandaloneApi]:
    with StandaloneApi(tmp_path) as api:
        yield api


def connected(api: StandaloneApi) -> KubeClient:
    return KubeClient(api.url, api.ca, api.token)


def test_a_restart_keeps_everything(api: StandaloneApi) -> None:
    before = connected(api)
    before.create(CRDS, widgets.crd()).ok()
    made = before.create(PATH, widget()).ok()
    kubeconfig, token = api.kubeconfig.read_text(), api.token
    before.close()
    api.restart()
    after = connected(api)
    assert after.get(f"{PATH}/a").ok() == made
    assert (api.kubeconfig.read_text(), api.token) == (kubeconfig, token)
    with after.watch(f"{PATH}?watch=true&resourceVersion={int(made['metadata']['resourceVersion']) - 1}") as events:
        assert next(events)["object"] == made
    changed = after.patch(f"{PATH}/a", {"spec": {"size": 4}})
    assert int(changed.version) > int(made["metadata"]["resourceVersion"])
    after.close()


def test_a_version_is_never_given_twice_even_after_its_object_went(api: StandaloneApi) -> None:
    client = connected(api)
    client.create(SECRETS, {"metadata": {"name": "s"}}).ok()
    client.delete(f"{SECRETS}/s").ok()
    last = int(client.get(SECRETS).version)
    client.close()
    api.kill()
    api.start()
    client = connected(api)
    assert int(client.get(SECRETS).version) == last
    assert int(client.create(SECRETS, {"metadata": {"name": "t"}}).version) > last
    client.close()


class Writing:
    """One connection that writes as fast as it is answered, until the server dies."""

    def __init__(self, client: KubeClient, name: str) -> None:
        self.name = name
        self.acknowledged: list[tuple[str, int]] = []
        self.enough = threading.Event()
        self._client = client
        self._thread = threading.Thread(target=self._write, name=name)
        self._thread.start()

    def join(self) -> None:
        self._thread.join(30)
        self._client.close()

    def _write(self) -> None:
        number = 0
        try:
            while True:
                answer = self._client.create(SECRETS, {"metadata": {"name": f"{self.name}-{number}"}})
                self.acknowledged.append((f"{self.name}-{number}", int(answer.version)))
                number += 1
                if number == 15:
                    self.enough.set()
        except (urllib3.exceptions.HTTPError, OSError):
            self.enough.set()


def test_every_acknowledged_write_survives_kills(api: StandaloneApi) -> None:
    acknowledged: dict[str, int] = {}
    for round_number in range(5):
        writers = [Writing(connected(api), f"w{round_number}-{number}") for number in range(4)]
        writers[0].enough.wait(60)
        api.kill()
        for writer in writers:
            writer.join()
        newest = max(acknowledged.values(), default=0)
        fresh = {name: version for writer in writers for name, version in writer.acknowledged}
        assert min(fresh.values()) > newest
        acknowledged |= fresh
        api.start()
        client = connected(api)
        body = client.get(SECRETS).ok()
        stored = {item["metadata"]["name"]: int(item["metadata"]["resourceVersion"]) for item in body["items"]}
        assert acknowledged.items() <= stored.items()
        assert len(set(stored.values())) == len(stored)
        assert int(body["metadata"]["resourceVersion"]) >= max(stored.values())
        client.close()


def test_concurrent_claims_have_one_winner(api: StandaloneApi) -> None:
    client = connected(api)
    version = client.create(SECRETS, {"metadata": {"name": "claim"}}).version
    codes: list[int] = []
    clients = [connected(api) for _ in range(8)]

    def claim(each: KubeClient, holder: str) -> None:
        sent = {"metadata": {"name": "claim", "resourceVersion": version, "labels": {"holder": holder}}}
        codes.append(each.update(f"{SECRETS}/claim", sent).code)

    threads = [threading.Thread(target=claim, args=(each, f"h{number}")) for number, each in enumerate(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(codes) == [200, *[409] * 7]
    for each in (client, *clients):
        each.close()
