"""The ways to the drivers and the commands, in rounds: ours and then the peer's, so that both meet the same machine."""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tools.bench import local, peer, report, routed, starting
from tools.bench.one_board import one_board
from tools.bench.work import Rounds

Round = dict[str, dict[str, Any]]


def rounds(count: int, work: Rounds, script: Path | None) -> Iterator[Round]:
    """Each round's figures, `ours` and, where there is a script, `peer`. Raises PeerFailed."""
    with tempfile.TemporaryDirectory(prefix="jumplab-bench-") as folder, one_board(Path(folder)) as board:
        for number in range(1, count + 1):
            report.say(f"round {number} of {count}: a session in one process, one through the router, commands")
            ours = {
                "local": local.figures(work),
                "tunnel": routed.figures(board, work),
                "cli": starting.figures(board, work.starts),
            }
            if script is not None:
                report.say(f"round {number} of {count}: Jumpstarter's figures")
            yield {"ours": ours, "peer": _sections(peer.measure(script)) if script else {}}


def _sections(figures: Mapping[str, Any]) -> dict[str, Any]:
    return {name: section for name, section in figures.items() if isinstance(section, Mapping)}
