"""Fuzzing guided by coverage: its targets hold, and what was found is told such that it can be played again."""

import random
from pathlib import Path

import pytest
from click.testing import CliRunner

from tools.fuzz import guided
from tools.fuzz.__main__ import main
from tools.fuzz.guided import Outcome
from tools.fuzz.targets import TARGETS, Target, joined, pieces


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_holds_against_honest_input_and_noise(name: str) -> None:
    target, draws = TARGETS[name], random.Random(name)
    for seed in target.seeds:
        target.run(seed)
        target.run(seed[: draws.randrange(len(seed))])
    for size in (0, 1, 2, 9, 60, 700):
        target.run(draws.randbytes(size))


def test_messages_are_put_into_noise_and_found_again() -> None:
    messages = [b"", b"one", bytes(255)]
    assert pieces(joined(*messages)) == messages


def test_where_atheris_is_missing_that_is_one_sentence_and_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guided, "available", lambda: False)
    run = CliRunner().invoke(main, [])
    assert run.exit_code == 0
    assert run.output.startswith("no fuzzing guided by coverage: there is no atheris for Python 3")
    assert run.output.count("\n") == 1


def test_what_was_found_is_told_with_the_line_that_plays_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = tmp_path / "frames-crash-1"
    found.write_bytes(b"\x00broken")
    monkeypatch.setattr(guided, "available", lambda: True)
    monkeypatch.setattr(guided, "look", lambda *_: Outcome(0, [found], "much that atheris says"))
    run = CliRunner().invoke(main, ["--target", "frames"])
    assert run.exit_code == 1
    assert "frames: broken by 7 bytes: b'\\x00broken'" in run.output
    assert f"-m tools.fuzz --target frames --replay {found}" in run.output


def test_input_that_was_found_is_played_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[bytes] = []
    monkeypatch.setitem(TARGETS, "frames", Target(taken.append, ()))
    found = tmp_path / "found"
    found.write_bytes(b"noise")
    run = CliRunner().invoke(main, ["--target", "frames", "--replay", str(found)])
    assert (run.exit_code, run.output, taken) == (0, "frames: it holds\n", [b"noise"])


@pytest.mark.needs("atheris")
def test_atheris_looks_and_keeps_where_it_got_to(tmp_path: Path) -> None:
    outcome = guided.look("frames", tmp_path, 1)
    assert outcome.well, outcome.told
    assert len(list((tmp_path / "frames-corpus").iterdir())) >= len(TARGETS["frames"].seeds)
