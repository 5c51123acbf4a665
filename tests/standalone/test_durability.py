"""The standalone API over kills and restarts: what was acknowledged stays, and versions never go back."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from tests.kube.client import CRDS, KubeClient
from tests.kube.servers import StandaloneApi, answers
from tests.kube.waiting import eventually
from tests.standalone import widgets
from tests.standalone.widgets import GROUP, widget

PATH = f"/apis/{GROUP}/v1/namespaces/default/widgets"
SECRETS = "/api/v1/namespaces/default/secrets"
KILLS = int(os.environ.get("JUMPLAB_KILLS", "100"))


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


_LAUNCHER = """
import os, sys
from tests.kube import api_process
from jumplab_operator.standalone.http import server
for _ in sys.stdin:
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os._exit(api_process.main())
    print(pid, flush=True)
    os.waitpid(pid, 0)
"""


class Launched(StandaloneApi):
    """A standalone API whose process is forked from one that has everything imported: its restarts cost little."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        command = [sys.executable, "-c", _LAUNCHER, *self.process.command[3:]]
        self._launcher = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
        )
        self._pid = 0

    def start(self) -> None:
        assert self._launcher.stdin is not None
        assert self._launcher.stdout is not None
        self._launcher.stdin.write("\n")
        self._launcher.stdin.flush()
        self._pid = int(self._launcher.stdout.readline())
        eventually(lambda: self.kubeconfig.exists() and answers(f"{self.url}/readyz", self), "it serves")

    def kill(self) -> None:
        os.kill(self._pid, signal.SIGKILL)

    def stop(self) -> None:
        self.kill()
        self._launcher.communicate(timeout=240)


class Writing:
    """One connection that writes as fast as it is answered, until the server dies. Each third write is refused."""

    def __init__(self, client: KubeClient, name: str) -> None:
        self.name = name
        self.acknowledged: list[tuple[str, int]] = []
        self.refused: list[str] = []
        self._client = client
        self._thread = threading.Thread(target=self._write, name=name)
        self._thread.start()

    def join(self) -> None:
        self._thread.join(30)
        assert not self._thread.is_alive()
        self._client.close()

    def _write(self) -> None:
        with contextlib.suppress(urllib3.exceptions.HTTPError, OSError):
            for number in itertools.count():
                name = f"{self.name}-{number}"
                if number % 3 == 2:
                    wrong = {"metadata": {"name": name, "labels": {"a": "not a label!"}}}
                    assert self._client.create(SECRETS, wrong).code == 422
                    self.refused.append(name)
                    continue
                self.acknowledged.append(
                    (name, int(self._client.create(SECRETS, {"metadata": {"name": name}}).version))
                )


def test_every_acknowledged_write_survives_kills(tmp_path: Path) -> None:
    """Killed at random moments, KILLS times; it finds what was acknowledged, nothing that was refused, and versions
    that never go back."""
    moments = random.Random(3)
    acknowledged: dict[str, int] = {}
    refused: set[str] = set()
    with Launched(tmp_path) as api:
        for round_number in range(KILLS):
            writers = [Writing(connected(api), f"w{round_number}-{number}") for number in range(3)]
            time.sleep(moments.uniform(0.0, 0.3))  # the moment of the kill, not a wait
            api.kill()
            for writer in writers:
                writer.join()
            fresh = {name: version for writer in writers for name, version in writer.acknowledged}
            assert min(fresh.values(), default=sys.maxsize) > max(acknowledged.values(), default=0)
            acknowledged |= fresh
            refused |= {name for writer in writers for name in writer.refused}
            api.start()
            client = connected(api)
            body = client.get(SECRETS).ok()
            stored = {item["metadata"]["name"]: int(item["metadata"]["resourceVersion"]) for item in body["items"]}
            assert acknowledged.items() <= stored.items()
            assert not refused & stored.keys()
            assert len(set(stored.values())) == len(stored)
            assert int(body["metadata"]["resourceVersion"]) >= max(stored.values(), default=0)
            client.close()
    assert len(acknowledged) > KILLS
    assert refused


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
