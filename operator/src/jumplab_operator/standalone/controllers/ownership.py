"""Which owners of an object are still there: what decides whether the object stays. Pure but for the look-up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache

from jumplab_operator.standalone.base.kinds import Kind, Object
from jumplab_operator.standalone.storage.store import Key


def remaining_owners(obj: Object, kinds: Iterable[Kind], lookup: Callable[[Key], Object | None]) -> list[Object]:
    """The owner references that name an object that is there, or one that can't be told of here.

    As Kubernetes has it: an owner in a namespace is looked for in the object's own, and one of a kind that isn't
    served, or of a kind in namespaces where the object is in none, keeps the object.
    """
    served = list(kinds)
    namespace = obj["metadata"].get("namespace", "")
    looked_up = cache(lookup)  # thousands of references may name one large object
    return [owner for owner in obj["metadata"]["ownerReferences"] if _is_there(owner, served, namespace, looked_up)]


def _is_there(owner: Object, served: list[Kind], namespace: str, lookup: Callable[[Key], Object | None]) -> bool:
    group = str(owner.get("apiVersion", "")).rpartition("/")[0]
    kind = next((each for each in served if each.group == group and each.kind == owner.get("kind")), None)
    if kind is None or (kind.namespaced and not namespace):
        return True
    found = lookup(Key(kind.stored_in, namespace if kind.namespaced else "", str(owner.get("name"))))
    return found is not None and found["metadata"]["uid"] == owner.get("uid")
