"""A disk that is full: what is stored can be read and watched, what can't be stored is refused, and nothing is lost."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.counterparts import missing
from tests.kube.client import KubeClient
from tests.kube.servers import StandaloneApi
from tests.kube.waiting import eventually

SECRETS = "/api/v1/namespaces/default/secrets"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MiB; skips where none can be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "jumplab-test", folder], capture_output=True)
    if made.returncode:
        missing("small-disk", "a small file system can't be mounted by this user: nothing shows what a full disk does")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_disk(small_disk: Path) -> None:
    with StandaloneApi(small_disk) as api:
        client = KubeClient(api.url, api.ca, api.token)
        kept = []
        big = {"a": "x" * 200_000}
        while (answer := client.create(SECRETS, {"metadata": {"name": f"s{len(kept)}"}, "stringData": big})).code < 300:
            kept.append(answer.body["metadata"]["name"])
            assert len(kept) < 1000
        assert answer.code == 507
        assert answer.body["reason"] == "InsufficientStorage"
        assert "nothing was changed" in answer.message
        assert "free some space" in answer.message
        stored = client.get(SECRETS).ok()
        assert sorted(kept) == sorted(item["metadata"]["name"] for item in stored["items"])
        since = int(stored["metadata"]["resourceVersion"]) - 1
        with client.watch(f"{SECRETS}?watch=true&resourceVersion={since}") as events:
            assert next(events)["object"]["metadata"]["name"] in kept
        client.close()


def test_space_that_is_freed_is_used(small_disk: Path) -> None:
    ballast = filler(small_disk)
    ballast.write_bytes(b"x" * 8 * 1024 * 1024)
    with StandaloneApi(small_disk) as api:
        client = KubeClient(api.url, api.ca, api.token)
        big = {"a": "x" * 200_000}
        made = 0
        while client.create(SECRETS, {"metadata": {"name": f"s{made}"}, "stringData": big}).code < 300:
            made += 1
        ballast.unlink()
        again = {"metadata": {"name": "again"}, "stringData": big}
        eventually(lambda: client.create(SECRETS, again).code in (201, 409), "writes succeed again")
        assert len(client.get(SECRETS).ok()["items"]) == made + 1
        client.close()
        api.kill()
        api.start()
        client = KubeClient(api.url, api.ca, api.token)
        assert len(client.get(SECRETS).ok()["items"]) == made + 1
        client.close()


def filler(disk: Path) -> Path:
    return disk / "ballast"
