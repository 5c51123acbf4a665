"""Where the peer's script is looked for, and what becomes of one that fails."""

from pathlib import Path

import pytest

from tools.bench import peer


def script(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "jumpstarter"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file


def test_the_script_is_found_beside_the_repository_without_a_word(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    assert peer.find(repository, {}, "jumpstarter") is None
    beside = script(tmp_path / "shared" / "peers", "")
    assert peer.find(repository, {}, "jumpstarter") == beside


def test_the_environment_comes_before_the_usual_place(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    script(tmp_path / "shared" / "peers", "")
    named = script(tmp_path / "elsewhere", "")
    assert peer.find(repository, {"JUMPLAB_PEERS": str(tmp_path / "elsewhere")}, "jumpstarter") == named


def test_a_folder_without_the_script_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(peer.PeerFailed, match=f"JUMPLAB_PEERS is {tmp_path}, and there is no jumpstarter in it"):
        peer.find(tmp_path, {"JUMPLAB_PEERS": str(tmp_path)}, "jumpstarter")


def test_its_figures_are_what_it_prints(tmp_path: Path) -> None:
    assert peer.measure(script(tmp_path, """echo setting up >&2; echo '{"local": {"call_p50_ms": 1.5}}'""")) == {
        "local": {"call_p50_ms": 1.5}
    }


def test_a_script_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(peer.PeerFailed, match="ended with status 3: no package index"):
        peer.measure(script(tmp_path, "echo no package index >&2; exit 3"))
    with pytest.raises(peer.PeerFailed, match="printed something else than JSON"):
        peer.measure(script(tmp_path, "echo hello"))


def test_the_script_runs_in_the_environment_that_the_benchmark_was_started_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SET_BY_THE_BENCHMARK", "1")
    reporting = script(tmp_path, """echo "{\\"seen\\": \\"${SET_BY_THE_BENCHMARK-nothing}\\"}" """)
    assert peer.measure(reporting) == {"seen": "nothing"}
