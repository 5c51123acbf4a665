"""The administrator's token is replaced by a command, while the control plane runs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from jumplab_operator.errors import NotTakenOver
from jumplab_operator.standalone.storage import rotation
from jumplab_operator.standalone.storage.datadir import DataDir
from tests.kube.client import KubeClient
from tests.lab.homes import NAMESPACE, PROGRAMS, OneMachine

SECRETS = f"/api/v1/namespaces/{NAMESPACE}/secrets"


def rotate(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [PROGRAMS / "jumplab-operator", "rotate", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def token_of(kubeconfig: Path) -> str:
    token: str = yaml.safe_load(kubeconfig.read_text())["users"][0]["user"]["token"]
    return token


@pytest.mark.nightly  # the token and the watch are looked at every four seconds
def test_the_administrators_token_is_replaced_while_standalone_runs(tmp_path: Path) -> None:
    home = OneMachine(tmp_path)
    kube = home.connect()
    try:
        before = token_of(home.kubeconfig)
        version = kube.get(SECRETS).ok()["metadata"]["resourceVersion"]
        with kube.watch(f"{SECRETS}?watch=1&resourceVersion={version}&timeoutSeconds=240") as events:
            said = rotate("admin-token", "--data-dir", home.data_dir)
            assert said.returncode == 0, said.stderr
            assert token_of(home.kubeconfig) != before
            assert not list(events)  # it ends
        assert kube.get(SECRETS).code == 401
        again: KubeClient = home.client()
        assert again.get(SECRETS).code == 200
        again.close()
        (home.data_dir / "admin.token").write_text("weak")
        home.process.wait_until(lambda: "which is too short" in home.process.output(), "a warning")
        assert token_of(home.kubeconfig) != before
    finally:
        kube.close()
        home.close()


def test_without_standalone_the_next_start_takes_the_token(tmp_path: Path) -> None:
    home = OneMachine(tmp_path)
    try:
        home.connect().close()
        before = token_of(home.kubeconfig)
        home.process.stop()
        said = rotate("admin-token", "--data-dir", home.data_dir)
        assert said.returncode == 0, said.stderr
        assert "gets it at the next start" in said.stdout
        assert token_of(home.kubeconfig) == before
        home.process.start()
        home.process.wait_until(lambda: token_of(home.kubeconfig) != before, "a new kubeconfig")
    finally:
        home.close()


def test_a_token_that_is_not_taken_over_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "_BOUND_SECONDS", 0.2)
    data_dir = DataDir(tmp_path / "data")
    with data_dir:
        data_dir.write(data_dir.kubeconfig, b"")
        with pytest.raises(NotTakenOver, match=r"has not taken it over within 0\.2 s; its log says why"):
            rotation.replace_admin_token(data_dir)
    assert not rotation.replace_admin_token(data_dir)


@pytest.mark.parametrize("folder", ["", "not-there"])
def test_another_folder_is_left_alone(tmp_path: Path, folder: str) -> None:
    said = rotate("admin-token", "--data-dir", tmp_path / folder)
    assert (said.returncode, said.stderr.count("\n")) == (2, 1)
    assert "is no data directory of jumplab-operator" in said.stderr
    assert not list(tmp_path.iterdir())
