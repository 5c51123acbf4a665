"""The benchmark of sessions: a small run has every figure, and what is missed is said."""

import json
from pathlib import Path

from tests.bench.running import ran
from tools.bench_sessions import results

OURS = {
    "local": {"call_p50_ms": 0.2, "upload_mib_s": 900},
    "tunnel": {"call_p50_ms": 0.5, "open_p50_ms": 1.0, "echo_p50_ms": 0.5, "upload_mib_s": 240, "attach_ms": 5.0},
    "cli": {"jmp_help_s": 0.1, "j_power_on_s": 0.1},
}
PEER = {
    "local": {"call_p50_ms": 0.8, "upload_mib_s": 300},
    "tunnel": {"call_p50_ms": 2.0, "open_p50_ms": 3.0, "echo_p50_ms": 1.0, "upload_mib_s": 120, "attach_ms": 20.0},
    "cli": {"jmp_help_s": 1.0, "j_power_on_s": 0.3},
}
LIMITS = {"relay_mib_s": 300, "splice_mib_s": 2000, "loopback_mib_s": 4000}
SAID = {"bare_mb_s": 90, "socket_mb_s": 4, "rfc2217_mb_s": 1, "rfc2217_cpu_s_per_mb": 0.6}


def test_ratios_and_shares_have_the_names_that_the_bounds_are_known_by() -> None:
    found = results.summary([{"ours": OURS, "peer": PEER}], LIMITS, {}, {})
    assert found["ratios"] == {
        "local": {"call": 4.0, "upload": 3.0},
        "tunnel": {"call": 4.0, "open": 3.0, "echo": 2.0, "upload": 2.0, "attach": 4.0},
        "cli": {"help": 10.0, "power_on": 3.0},
    }
    assert (found["limits"]["routed_share"], found["limits"]["local_share"]) == (0.8, 0.45)


def test_what_counts_is_the_median_of_the_rounds() -> None:
    slow = {**OURS, "cli": {"jmp_help_s": 9.0, "j_power_on_s": 9.0}}
    rounds = [{"ours": ours, "peer": {}} for ours in (slow, OURS, OURS)]
    assert results.summary(rounds, {}, {}, {})["ours"]["cli"] == OURS["cli"]


def test_the_table_says_which_bounds_are_missed() -> None:
    lines = results.table(
        results.summary([{"ours": OURS, "peer": PEER}], LIMITS, {"lost": 0, "added_p99_ms": 61}, SAID)
    )
    missed = {line.split()[0] for line in lines.splitlines() if line.endswith("missed")}
    assert missed == {
        "ratios.tunnel.echo",
        "ratios.tunnel.upload",
        "limits.local_share",
        "ratios.cli.power_on",
        "router.added_p99_ms",
        "consoles.socket_mb_s",
        "consoles.rfc2217_cpu_s_per_mb",
    }


def test_a_quick_run_has_every_figure_and_is_added_to_an_earlier_one(tmp_path: Path) -> None:
    file = tmp_path / "sessions.json"
    file.write_text(json.dumps(results.summary([{"ours": OURS, "peer": PEER}], {}, {}, {})))
    run = ran("tools.bench_sessions", "--quick", "--add", "--out", file)
    assert run.returncode == 0, run.stderr
    found = json.loads(file.read_text())
    assert {"ours", "peer", "ratios", "limits", "router", "consoles", "isolated"} <= set(found)
    assert all(found["isolated"]["ratio"][name] > 0 for name in ("call", "echo", "upload"))
    earlier, this = found["rounds"]
    assert earlier == {"ours": OURS, "peer": PEER}
    assert set(this["ours"]) == set(found["ratios"]) == {"local", "tunnel", "cli"}
    assert set(found["ratios"]["tunnel"]) == {"call", "open", "echo", "upload", "attach"}
    assert set(found["limits"]["echo_loaded_p99_ratio"]) == {"loopback", "10_mib_s"}
    assert all(found["limits"][f"{limit}_mib_s"] > 0 for limit in ("relay", "splice", "loopback"))
    assert {"routed_share", "local_share"} <= set(found["limits"])
    router = found["router"]
    assert router["lost"] == 0
    assert router["pieces"] == router["sessions"] * 20
    assert {"added_p99_ms", "keystroke_p99_ms", "kib_per_session"} <= set(router)
    assert {f"{kind}_{what}" for kind in ("socket", "rfc2217") for what in ("mb_s", "cpu_s_per_mb")} | {
        "bare_mb_s"
    } == set(found["consoles"])
    assert "router.keystroke_p99_ms" in run.stdout
