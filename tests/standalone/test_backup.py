"""A backup that is made while writes go on, and a control plane that starts from it."""

from __future__ import annotations

import stat
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import pytest

from tests.kube.client import KubeClient
from tests.kube.servers import StandaloneApi

SECRETS = "/api/v1/namespaces/default/secrets"


def back_up(data_dir: Path, target: Path) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-c", "from jumplab_operator.main import main; main()", "backup"]
    return subprocess.run([*program, "--data-dir", data_dir, target], capture_output=True, text=True, check=False)


def client_of(api: StandaloneApi) -> KubeClient:
    return KubeClient(api.url, api.ca, api.token)


def secrets_of(api: StandaloneApi) -> dict[str, str]:
    client = client_of(api)
    found = {item["metadata"]["name"]: item["data"]["n"] for item in client.get(SECRETS).ok()["items"]}
    client.close()
    return found


class Load:
    """Creates secrets one after another, and knows those that were acknowledged."""

    def __init__(self, api: StandaloneApi) -> None:
        self.acknowledged: list[str] = []
        self.some = threading.Event()
        self._api = api
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._create)

    def __enter__(self) -> Load:
        self._thread.start()
        self.some.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _create(self) -> None:
        client = client_of(self._api)
        while not self._over.is_set():
            name = f"s{len(self.acknowledged)}"
            client.create(SECRETS, {"metadata": {"name": name}, "stringData": {"n": name}}).ok()
            self.acknowledged.append(name)
            if len(self.acknowledged) > 20:
                self.some.set()
        client.close()


@pytest.mark.parametrize("form", ["folder", "archive"])
def test_a_backup_under_load_starts_elsewhere(tmp_path: Path, form: str) -> None:
    restored = tmp_path / "elsewhere" / "data"
    target = restored if form == "folder" else tmp_path / "lab.tar"
    with StandaloneApi(tmp_path / "first") as api, Load(api) as load:
        before = list(load.acknowledged)
        made = back_up(api.data_dir, target)
        assert made.returncode == 0, made.stderr
        authority, token = api.ca.read_bytes(), api.token
    if form == "archive":
        assert stat.S_IMODE(target.stat().st_mode) == 0o600
        with tarfile.open(target) as archive:
            archive.extractall(restored, filter="tar")
    assert {stat.S_IMODE(each.stat().st_mode) for each in restored.iterdir()} == {0o600}
    with StandaloneApi(tmp_path / "elsewhere") as again:
        found = secrets_of(again)
        assert set(before) <= set(found) <= set(load.acknowledged)
        # As of one moment: nothing is there without what was written before it.
        assert set(found) == set(load.acknowledged[: len(found)])
        assert (again.ca.read_bytes(), again.token) == (authority, token)
    assert not list(tmp_path.glob("**/.*.new-*"))


def test_what_can_not_be_backed_up_is_a_sentence(tmp_path: Path) -> None:
    with StandaloneApi(tmp_path / "first") as api:
        data_dir = api.data_dir
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "one").write_text("dear")
    for source, target, said in [
        (tmp_path / "nothing", tmp_path / "copy", "nothing is no data directory of jumplab-operator; name one with"),
        (data_dir, data_dir / "copy", "is inside the data directory; choose another place"),
        (data_dir, tmp_path / "letters", "letters exists and is not an empty folder; choose another name"),
        (data_dir, tmp_path / "letters" / "one" / "copy", "can't be written: Not a directory"),
    ]:
        made = back_up(source, target)
        assert made.returncode == 2
        assert said in made.stderr
        assert made.stderr.count("\n") == 1
    database = data_dir / "api.sqlite3"
    database.write_bytes(database.read_bytes()[:5000])
    made = back_up(data_dir, tmp_path / "copy")
    assert (made.returncode, made.stderr.count("\n")) == (2, 1)
    assert f"{database} is damaged" in made.stderr
    assert sorted(each.name for each in tmp_path.iterdir()) == ["first", "letters"]
