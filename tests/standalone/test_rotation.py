"""The administrator's token is replaced by a command, while the control plane runs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

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
            assert not list(events)  # it ends
        home.process.wait_until(lambda: token_of(home.kubeconfig) != before, "a new kubeconfig")
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


@pytest.mark.parametrize("folder", ["", "not-there"])
def test_another_folder_is_left_alone(tmp_path: Path, folder: str) -> None:
    said = rotate("admin-token", "--data-dir", tmp_path / folder)
    assert (said.returncode, said.stderr.count("\n")) == (2, 1)
    assert "is no data directory of jumplab-operator" in said.stderr
    assert not list(tmp_path.iterdir())
