"""Lists: selected, in pages, of one moment."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from jumplab_operator.standalone import errors, selectors
from jumplab_operator.standalone.kinds import Object
from jumplab_operator.standalone.routes import Target
from jumplab_operator.standalone.store import Reader


@dataclass(frozen=True, slots=True)
class Page:
    """Bodies as stored, the resource version of the list's first page, and where the next page begins."""

    version: int
    bodies: list[bytes]
    next: str = ""


def selection(target: Target, query: Mapping[str, str]) -> Callable[[Object], bool] | None:
    """What the request's selectors admit, None where they admit all."""
    labels = selectors.label_selector(query.get("labelSelector", ""))
    fields = selectors.field_selector(query.get("fieldSelector", ""), target.kind)
    if labels is None:
        return fields
    by_labels = labels

    def admits(obj: Object) -> bool:
        return by_labels(obj["metadata"].get("labels") or {}) and (fields is None or fields(obj))

    return admits


def read(reader: Reader, target: Target, query: Mapping[str, str]) -> Page:
    """The page that the request asks for; a later page begins where the one before ended."""
    admits = selection(target, query)
    limit = _limit(query.get("limit", ""))
    version, after = _position(query.get("continue", ""))
    found: list[bytes] = []
    with reader.snapshot() as current:
        version = version or current
        while True:
            wanted = limit + 1 - len(found) if limit else -1
            rows = reader.objects(target.kind.resource, target.namespace, after=after, limit=wanted)
            found += [row for row in rows if admits is None or admits(json.loads(row))]
            if wanted == -1 or len(rows) < wanted or len(found) > limit:
                break
            after = _place(rows[-1])
    if limit and len(found) > limit:
        token = json.dumps({"version": version, "after": _place(found[limit - 1])}).encode()
        return Page(version, found[:limit], base64.urlsafe_b64encode(token).decode())
    return Page(version, found)


def _place(body: bytes) -> tuple[str, str]:
    metadata = json.loads(body)["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def _limit(text: str) -> int:
    if text and not text.isdecimal():
        raise errors.bad_request(f'limit: "{text}" is not a number of objects')
    return int(text or 0)


def _position(token: str) -> tuple[int, tuple[str, str]]:
    if not token:
        return 0, ("", "")
    try:
        position = json.loads(base64.urlsafe_b64decode(token))
        namespace, name = position["after"]
        return int(position["version"]), (str(namespace), str(name))
    except (ValueError, KeyError, TypeError) as error:
        raise errors.bad_request("continue key is not valid: use the one of the page before") from error
