"""How often each promise was broken: pure, over what the processes have written down."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tools.chaos.journal import Note

PROMISES = (
    "bytes_lost",
    "bytes_wrong",
    "calls_repeated",
    "results_lost",
    "fence_late",
    "foreign_bytes",
    "two_holders",
    "leases_lost",
    "images_corrupt",
    "stuck",
)
FENCE_SECONDS = 2.0
_CLOCK_SECONDS = 0.02
_CONSOLE_KINDS = ("followed", "reread", "stopped typing")


@dataclass(frozen=True, slots=True)
class Work:
    """One worker's journal, and the lease that it worked on."""

    lease: str
    notes: Sequence[Note]


@dataclass(frozen=True, slots=True)
class Bench:
    """What is known of one exporter.

    leases: in the order of their turns.  tallies: the journals of its drivers' instances.  typed: what its device
    heard.  said_at: when its device said the byte at a position.
    """

    name: str
    leases: Sequence[str]
    tallies: Sequence[Sequence[Note]]
    typed: Sequence[Note]
    works: Sequence[Work]
    said_at: Callable[[int], float]


@dataclass(slots=True)
class Verdict:
    """broken: how often, by promise.  told: a sentence for each break.  fences: how long each watched one took."""

    bytes_checked: int = 0
    calls_checked: int = 0
    images_checked: int = 0
    gaps: int = 0
    fences: list[float] = field(default_factory=list)
    broken: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(PROMISES, 0)))
    told: list[str] = field(default_factory=list)

    def found(self, promise: str, sentence: str, count: int = 1) -> None:
        """A promise was broken so often."""
        if count:
            self.broken[promise] += count
            self.told.append(f"{promise}: {sentence}")


def judge(suite: Sequence[Note], benches: Sequence[Bench]) -> Verdict:
    """The verdict on a whole run.  suite: the suite's own journal."""
    verdict = Verdict()
    for note in suite:
        if note["kind"] == "stuck":
            verdict.found("stuck", note["what"])
        if note["kind"] == "still held" and not note["same"]:
            verdict.found("leases_lost", f"lease {note['lease']} was not what it had been: {note['status']}")
    for bench in benches:
        events = _Events(suite, bench)
        _holders(verdict, bench)
        for judged in (_calls, _console, _images, _ends, _fences):
            judged(verdict, bench, events)
    return verdict


class _Events:
    """What the suite did to one exporter and its leases."""

    def __init__(self, suite: Sequence[Note], bench: Bench) -> None:
        self._kills = [note["at"] for note in _faults(suite, "begins", "kill_exporter", bench.name)]
        self.disk_filled = [note["at"] for note in _faults(suite, "begins", "fill_disk", bench.name)]
        self.ends = {note["lease"]: note for note in suite if note["kind"] == "end"}
        self.ending_at = {note["lease"]: note["at"] for note in suite if note["kind"] == "ending"}

    def killed_between(self, begin: float, end: float) -> bool:
        """Whether the exporter's process was killed then."""
        return any(begin - _CLOCK_SECONDS <= kill <= end + _CLOCK_SECONDS for kill in self._kills)

    def ending_before(self, lease: str, at: float) -> bool:
        """Whether the lease's end had been asked for by then."""
        return lease in self.ending_at and self.ending_at[lease] <= at + _CLOCK_SECONDS


def _faults(suite: Sequence[Note], what: str, fault: str, victim: str) -> Iterator[Note]:
    return (note for note in suite if note["kind"] == what and note["fault"] == fault and note["victim"] == victim)


def _calls(verdict: Verdict, bench: Bench, events: _Events) -> None:
    ran = Counter(note["number"] for tally in bench.tallies for note in tally if note["kind"] == "run")
    for number, times in ran.items():
        verdict.found("calls_repeated", f"{number} was run {times} times", times - 1)
    for work in bench.works:
        begun = {note["number"]: note["at"] for note in work.notes if note["kind"] == "call"}
        for note, reached in _with_last_word(work.notes):
            if note["kind"] == "called":
                verdict.calls_checked += 1
                failure = _result_lost(note, min(begun[note["number"]], reached), ran, work, events)
                verdict.found("results_lost", f"{note['number']}: {failure}", bool(failure))


def _with_last_word(notes: Sequence[Note]) -> Iterator[tuple[Note, float]]:
    """Each note of a worker, and when the exporter's process lived by what the worker knows then: the begin of the last
    call that it had an answer to. One that died since makes whatever was begun meanwhile fail, once."""
    begun: dict[str, float] = {}
    reached = 0.0
    for note in notes:
        yield note, reached
        match note["kind"]:
            case "call":
                begun[note["number"]] = note["at"]
            case "called" if note["outcome"] == "ok":
                reached = max(reached, begun[note["number"]])
            case "attached":
                reached = note["at"]


def _result_lost(note: Note, since: float, ran: Counter[str], work: Work, events: _Events) -> str:
    """Why a call's outcome is none that was promised; empty where it is one."""
    match note["outcome"]:
        case "ok":
            return "" if ran[note["number"]] else "it was told as done and never run"
        case "interrupted":
            return ""
        case "SessionEnded" | "CallCancelled":
            return "" if events.ending_before(work.lease, note["at"]) else f"the lease went on: {note['message']}"
        case "SessionLost":
            killed = events.killed_between(since, note["at"]) or events.ending_before(work.lease, note["at"])
            return "" if killed else f"the exporter lived: {note['message']}"
        case outcome:
            return f"{outcome}: {note.get('message')}"


def _console(verdict: Verdict, bench: Bench, events: _Events) -> None:
    for work in bench.works:
        for note in work.notes:
            if note["kind"] == "console":
                verdict.bytes_checked += note["checked"]
                verdict.found("bytes_lost", f"{note['lost']} bytes on the console of {work.lease}", note["lost"])
                verdict.found("bytes_wrong", f"{note['wrong']} bytes on the console of {work.lease}", note["wrong"])
            elif note["kind"] == "gap":
                verdict.gaps += 1
                if not any(filled <= note["at"] for filled in events.disk_filled):
                    verdict.found("bytes_lost", f"a gap on {work.lease} and no full disk", note["size"])
            elif note["kind"] in _CONSOLE_KINDS and note["outcome"] not in ("ok", "interrupted"):
                _console_ended(verdict, work, note, events)


def _console_ended(verdict: Verdict, work: Work, note: Note, events: _Events) -> None:
    asked = events.ending_before(work.lease, note["at"])
    killed = note["outcome"] == "SessionLost" and events.killed_between(0, note["at"])
    if not asked and not killed:
        verdict.found("bytes_lost", f"{note['kind']} on {work.lease}: {note['outcome']}: {note['message']}")


def _images(verdict: Verdict, bench: Bench, events: _Events) -> None:
    for work in bench.works:
        begun = 0.0
        for note, reached in _with_last_word(work.notes):
            if note["kind"] == "flash":
                begun = note["at"]
            elif note["kind"] == "flashed" and note["outcome"] != "interrupted":
                verdict.images_checked += note["outcome"] == "ok"
                killed = events.killed_between(min(begun, reached), note["at"])
                over = killed or events.ending_before(work.lease, note["at"])
                if note["outcome"] != "ok" and (note["outcome"] == "corrupt" or not over):
                    sentence = f"{note['size']} bytes on {work.lease}: {note['outcome']} {note.get('message', '')}"
                    verdict.found("images_corrupt", sentence)


def _holders(verdict: Verdict, bench: Bench) -> None:
    """No instance of the drivers serves two leases, and nobody hears what was said before their lease's first one."""
    set_up = _set_up(bench)
    for tally in bench.tallies:
        holders = {note["lease"] for note in tally if note["kind"] == "run"}
        verdict.found("two_holders", f"{bench.name} served {sorted(holders)} at once", max(0, len(holders) - 1))
    for work in bench.works:
        if work.lease not in set_up:
            continue
        for note in work.notes:
            if note["kind"] == "console" and note["first"] is not None:
                said = bench.said_at(note["first"])
                early = said < set_up[work.lease] - _CLOCK_SECONDS
                sentence = f"{work.lease} read what {bench.name} had said {set_up[work.lease] - said:.2f} s before it"
                verdict.found("foreign_bytes", sentence, early)
    order = list(bench.leases)
    for note in bench.typed:
        lease = note["text"].split(" ")[0]
        following = order[order.index(lease) + 1] if lease in order[:-1] else ""
        if lease not in order:
            verdict.found("bytes_wrong", f"{bench.name} heard {note['text']!r}")
        elif following in set_up and note["at"] > set_up[following] + _CLOCK_SECONDS:
            verdict.found("foreign_bytes", f"{lease} typed {note['at'] - set_up[following]:.2f} s into {following}")


def _set_up(bench: Bench) -> Mapping[str, float]:
    """When the first instance of the drivers was set up for each lease."""
    found: dict[str, float] = {}
    for tally in sorted(bench.tallies, key=lambda notes: notes[0]["at"] if notes else 0.0):
        for lease in {note["lease"] for note in tally if note["kind"] == "run"}:
            found.setdefault(lease, tally[0]["at"])
    return found


def _ends(verdict: Verdict, bench: Bench, events: _Events) -> None:
    for work in bench.works:
        for note in work.notes:
            if note["kind"] == "ended" and not events.ending_before(work.lease, note["at"]):
                verdict.found("leases_lost", f"{work.lease} ended by itself: {note['error']}: {note['message']}")


def _fences(verdict: Verdict, bench: Bench, events: _Events) -> None:
    """Where nothing else happened: the holder's last effect, after the end of the lease."""
    for lease in bench.leases:
        end = events.ends.get(lease)
        if end is None or not end.get("measured"):
            continue
        late = max((at for at in _effects(bench, lease) if at > end["ended"]), default=end["ended"]) - end["ended"]
        verdict.fences.append(late)
        if late > FENCE_SECONDS + end["stalled"]:
            verdict.found("fence_late", f"{lease} had an effect {late:.2f} s after its end ({end['way']})")


def _effects(bench: Bench, lease: str) -> Iterator[float]:
    """When the lease's holder did something to the exporter, or heard something of it."""
    yield from (note["at"] for tally in bench.tallies for note in tally if note.get("lease") == lease)
    yield from (note["at"] for note in bench.typed if note["text"].startswith(f"{lease} "))
    for work in bench.works:
        if work.lease == lease:
            heard = (note["upto"] for note in work.notes if note["kind"] == "console" and note["upto"])
            yield from (bench.said_at(upto - 1) for upto in heard)
