"""Lists: selected, in pages, of one moment."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from jumplab_operator.standalone.base import errors, strict_json
from jumplab_operator.standalone.base.errors import Cause
from jumplab_operator.standalone.base.kinds import Object
from jumplab_operator.standalone.http import queries, selectors
from jumplab_operator.standalone.objects.routes import Target
from jumplab_operator.standalone.storage.store import Reader

_MOST_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Page:
    """Bodies as stored, the resource version that they are of, where the next page begins, and how many are to come."""

    version: int
    bodies: list[bytes]
    next: str = ""
    left: int | None = None


def selection(target: Target, query: Mapping[str, str]) -> Callable[[Object], bool] | None:
    """What the request's selectors admit, None where they admit all."""
    labels = selectors.label_selector(query.get("labelSelector", ""))
    fields = _on_stored(selectors.field_selector(query.get("fieldSelector", ""), target.kind), target)
    if labels is None:
        return fields
    by_labels = labels

    def admits(obj: Object) -> bool:
        return by_labels(obj["metadata"].get("labels") or {}) and (fields is None or fields(obj))

    return admits


def read(reader: Reader, target: Target, query: Mapping[str, str]) -> Page:
    """The page that the request asks for: of the version that the first page was of, or that the request names.

    Raises a 410 for a version that the history doesn't reach any more, a 504 for one that is yet to come, and a 400 or
    422 for a request that contradicts itself.
    """
    asked = _Asked.by(query)
    admits = selection(target, query)
    resource = target.kind.stored_in
    with reader.snapshot() as current:
        version = _version(asked, current, reader.compacted(resource))
        if version == current:
            rows_after = partial(reader.objects, resource, target.namespace)
        else:
            rows_after = partial(reader.objects_at, version, resource, target.namespace)
        found = _select(rows_after, admits, asked)
        if not asked.limit or len(found) <= asked.limit:
            return Page(version, found)
        listed = found[: asked.limit]
        last = _sort_key(listed[-1])
        left = reader.count(resource, target.namespace, last) if admits is None and version == current else None
    return Page(version, listed, _token(version, last), left)


def _select(
    rows_after: Callable[..., list[bytes]], admits: Callable[[Object], bool] | None, asked: _Asked
) -> list[bytes]:
    """What is admitted after the place asked for; one more than the limit, where there is more."""
    found: list[bytes] = []
    after = asked.after
    while True:
        wanted = asked.limit + 1 - len(found) if asked.limit else -1
        rows = rows_after(after=after, limit=wanted)
        found += [row for row in rows if admits is None or admits(json.loads(row))]
        if wanted == -1 or len(rows) < wanted or len(found) > asked.limit:
            return found
        after = _sort_key(rows[-1])


@dataclass(frozen=True, slots=True)
class _Asked:
    limit: int
    continued: int
    """The version of the first page, where this is a later one."""
    after: tuple[str, str]
    version: int
    match: str

    @classmethod
    def by(cls, query: Mapping[str, str]) -> _Asked:
        continued, after = _position(query.get("continue", ""))
        version, match = queries.whole_number(query, "resourceVersion"), query.get("resourceVersionMatch", "")
        if continued and version:
            raise errors.bad_request("specifying resource version is not allowed when using continue")
        if match:
            _check_match(match, query.get("resourceVersion", ""), continued)
        return cls(queries.whole_number(query, "limit", "a number of objects"), continued, after, version, match)


def _check_match(match: str, version: str, continued: int) -> None:
    rule = ""
    if continued:
        rule = "Forbidden: resourceVersionMatch is forbidden when continue is provided"
    elif not version:
        rule = "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"
    elif match not in ("Exact", "NotOlderThan"):
        rule = f'Unsupported value: "{match}": supported values: "Exact", "NotOlderThan", ""'
    elif match == "Exact" and version == "0":
        rule = 'Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
    if rule:
        raise errors.invalid_options("ListOptions", [Cause("resourceVersionMatch", "FieldValueForbidden", rule)])


def _version(asked: _Asked, current: int, compacted: int) -> int:
    """The version that the page is of."""
    if asked.version > current:
        raise errors.version_to_come(asked.version, current)
    wanted = asked.continued or (asked.version if asked.match == "Exact" else 0)
    if not wanted or wanted >= current:
        return current
    if wanted < compacted:
        raise errors.continue_expired() if asked.continued else errors.expired(wanted, compacted)
    return wanted


def _on_stored(admits: Callable[[Object], bool] | None, target: Target) -> Callable[[Object], bool] | None:
    """The predicate for stored objects, where the kind has other names for their fields."""
    view = target.kind.view
    if admits is None or view is None:
        return admits
    admits_view = admits
    return lambda obj: admits_view(view.shown(obj))


def _sort_key(body: bytes) -> tuple[str, str]:
    metadata = json.loads(body)["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def _token(version: int, after: tuple[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps({"version": version, "after": after}).encode()).decode()


def _position(token: str) -> tuple[int, tuple[str, str]]:
    if not token:
        return 0, ("", "")
    try:
        position = strict_json.read(base64.urlsafe_b64decode(token))
        namespace, name = position["after"]
        return queries.whole_number({"version": str(position["version"])}, "version"), (str(namespace), str(name))
    except (ValueError, KeyError, TypeError) as error:
        raise errors.bad_request("continue key is not valid: use the one of the page before") from error
