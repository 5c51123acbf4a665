"""The table, the file and the ratios."""

import json
from pathlib import Path

from tools.bench import report

OURS = {
    "local": {"call_p50_ms": 0.25, "upload_mib_s": 300},
    "tunnel": {"attach_ms": 40.0},
    "apply_to_ready": {"api": "standalone", "1": {"p50_ms": 30.0, "p99_ms": 45.5}, "100": {"p50_ms": 31.0}},
    "at": "2026-08-01T12:00:00+00:00",
}
PEER = {
    "local": {"call_p50_ms": 1.0, "upload_mib_s": 100, "call_p99_ms": 2.0},
    "tunnel": {"attach_ms": 20.0},
    "at": "2026-08-01T12:01:00+00:00",
}


def test_a_ratio_above_one_means_that_we_are_better_whether_less_or_more_is_good() -> None:
    found = report.ratios(OURS, PEER)
    assert found == {"local": {"call_p50_ms": 4.0, "upload_mib_s": 3.0}, "tunnel": {"attach_ms": 0.5}}


def test_the_table_sets_the_peer_beside_ours_and_leaves_empty_what_it_has_not() -> None:
    lines = report.table(OURS, PEER).splitlines()
    assert lines[0].split() == ["ours", "Jumpstarter", "times", "better"]
    (call,) = [line.split() for line in lines if "driver call, median" in line]
    assert call[-5:] == ["0.25", "ms", "1", "ms", "4.0"]
    (single,) = [line.split() for line in lines if line.startswith("  1 exporter, median")]
    assert single[-2:] == ["30", "ms"]
    assert "  100 exporters, median" in "\n".join(lines)
    assert any(line.endswith("on standalone") for line in lines)


def test_without_a_peer_the_table_has_our_column_alone() -> None:
    assert report.table(OURS, {}).splitlines()[0].split() == ["ours"]


def test_the_file_holds_ours_theirs_and_the_ratios(tmp_path: Path) -> None:
    file = tmp_path / "new" / "folder" / "path.json"
    report.write(file, OURS, PEER)
    found = json.loads(file.read_text())
    assert found == {"ours": OURS, "peer": PEER, "ratios": report.ratios(OURS, PEER)}
