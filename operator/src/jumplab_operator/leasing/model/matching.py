"""Distinct exporters for the parts of a lease: bipartite matching by augmenting paths, with room for so many of a kind.

It finds an assignment wherever there is one. A part needs to name no more exporters than there are parts: the others
can't take all of them.
"""

from collections.abc import Callable, Hashable, Sequence


class Matching:
    """Parts, by their number, and what they have got. `wishes`: for each part the exporters that it could have, by
    their uids, the best first. `kind` of an exporter and `room` for a kind: how many of it there may be; None: any."""

    def __init__(
        self,
        wishes: Sequence[Sequence[str]],
        kind: Callable[[str], Hashable] = lambda _: None,
        room: Callable[[Hashable], int | None] = lambda _: None,
    ) -> None:
        self._wishes = wishes
        self._kind, self._room = kind, room
        self._got: dict[int, str] = {}
        self._by: dict[str, int] = {}
        self.short: list[int] = []
        """The parts that can't have distinct exporters, where not all can; together they want fewer than they are."""

    def run(self) -> tuple[str, ...] | None:
        """An exporter for each part, or None."""
        for part in range(len(self._wishes)):
            seen: set[Hashable] = set()
            if not self._place(part, seen):
                self.short = sorted(each for each in seen if isinstance(each, int))
                return None
        return tuple(self._got[part] for part in range(len(self._wishes)))

    def _place(self, part: int, seen: set[Hashable]) -> bool:
        """Gives the part something, others moving on where need be; `seen`: parts, exporters and kinds tried before."""
        if part in seen:
            return False
        seen.add(part)
        for uid in sorted(self._wishes[part], key=lambda uid: uid in self._by):  # nobody moves without need
            if uid in seen:
                continue
            seen.add(uid)
            holder = self._by.get(uid)
            if self._make_room(uid, seen) if holder is None else self._place(holder, seen):
                self._by.pop(self._got.get(part, ""), None)
                self._got[part], self._by[uid] = uid, part
                return True
        return False

    def _make_room(self, uid: str, seen: set[Hashable]) -> bool:
        kind = self._kind(uid)
        room = self._room(kind)
        of_kind = [part for got, part in self._by.items() if self._kind(got) == kind]
        if room is None or len(of_kind) < room:
            return True
        if ("kind", kind) in seen:
            return False
        seen.add(("kind", kind))
        return any(self._place(part, seen) for part in of_kind)


def match(wishes: Sequence[Sequence[str]]) -> tuple[str, ...] | None:
    """A distinct exporter for each part out of those that it could have, or None where there are not enough."""
    return Matching(wishes).run()
