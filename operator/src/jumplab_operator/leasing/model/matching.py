"""Distinct exporters for the members of a gang: bipartite matching by augmenting paths, within a limit for each kind.

It finds an assignment wherever there is one. A member needs to name no more exporters than there are members: the
others can't take all of them.
"""

from collections.abc import Callable, Hashable, Sequence

from jumplab_operator.leasing.model.ids import ExporterUid


class Matching:
    """Members, by their number, and the exporters that they have got.

    wishes: for each member the exporters that it could have, the best first.
    kind, limit: the kind of an exporter, and how many of a kind all members may have together; None: any number.
    """

    def __init__(
        self,
        wishes: Sequence[Sequence[ExporterUid]],
        kind: Callable[[ExporterUid], Hashable] = lambda _: None,
        limit: Callable[[Hashable], int | None] = lambda _: None,
    ) -> None:
        self._wishes = wishes
        self._kind, self._limit = kind, limit
        self._got: dict[int, ExporterUid] = {}
        self._by: dict[ExporterUid, int] = {}
        self.unmatched: list[int] = []
        """The members that can't all have distinct exporters, where not all can."""

    def run(self) -> tuple[ExporterUid, ...] | None:
        """An exporter for each member, or None."""
        for member in range(len(self._wishes)):
            seen: set[Hashable] = set()
            if not self._match(member, seen):
                self.unmatched = sorted(each for each in seen if isinstance(each, int))
                return None
        return tuple(self._got[member] for member in range(len(self._wishes)))

    def _match(self, member: int, seen: set[Hashable]) -> bool:
        """Gives the member an exporter, others moving on where need be; `seen`: what was tried before."""
        if member in seen:
            return False
        seen.add(member)
        for uid in sorted(self._wishes[member], key=lambda uid: uid in self._by):  # nobody moves without need
            if uid in seen:
                continue
            seen.add(uid)
            other = self._by.get(uid)
            if self._stays_within_limit(uid, seen) if other is None else self._match(other, seen):
                if member in self._got:
                    self._by.pop(self._got[member], None)
                self._got[member], self._by[uid] = uid, member
                return True
        return False

    def _stays_within_limit(self, uid: ExporterUid, seen: set[Hashable]) -> bool:
        kind = self._kind(uid)
        limit = self._limit(kind)
        of_kind = [member for got, member in self._by.items() if self._kind(got) == kind]
        if limit is None or len(of_kind) < limit:
            return True
        if ("kind", kind) in seen:
            return False
        seen.add(("kind", kind))
        return any(self._match(member, seen) for member in of_kind)


def match(wishes: Sequence[Sequence[ExporterUid]]) -> tuple[ExporterUid, ...] | None:
    """A distinct exporter for each member out of those that it could have, or None where there are not enough."""
    return Matching(wishes).run()
