"""JSON values, their texts with something done to them, and the patches of a value."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

KEYS = st.one_of(
    st.sampled_from(["metadata", "spec", "a", "b", "", "$patch", "conditions", "finalizers", "uid", "/", "~"]),
    st.text(max_size=5),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**63 - 1, -(2**63), 2**63, 1e308, 5e-324, -0.0]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(["delete", "replace", "True", "a"]),
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=20,
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=4)

_WRONG = [
    "NaN",
    "Infinity",
    "1e999",
    "0x1",
    "01",
    '"\\ud800"',
    '"\\udc00\\ud800"',
    "[" * 5000,
    '{"a":' * 200,
    "9" * 5000,
    "-",
    "'a'",
    "//",
    "\x00",
]
WRONG = st.sampled_from(_WRONG)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """The text of a value: whole, cut, with a byte changed, or with what is no JSON in the middle; or noise."""
    text = bytearray(json.dumps(draw(VALUES), ensure_ascii=draw(st.booleans())).encode(errors="surrogatepass"))
    at = draw(st.integers(0, len(text)))
    match draw(st.sampled_from(["whole", "cut", "changed", "mixed", "noise", "other encoding"])):
        case "cut":
            return bytes(text[:at])
        case "changed":
            return bytes(text[:at]) + draw(st.binary(max_size=3)) + bytes(text[at + 1 :])
        case "mixed":
            return bytes(text[:at]) + draw(WRONG).encode() + bytes(text[at:])
        case "noise":
            return draw(st.binary(max_size=60))
        case "other encoding":
            return text.decode(errors="replace").encode(draw(st.sampled_from(["utf-16", "utf-8-sig", "utf-32"])))
    return bytes(text)


POINTERS = st.one_of(
    st.lists(st.one_of(KEYS, st.sampled_from(["-", "0", "1", "01", "-1", "~0", "~1", "~2", "²"])), max_size=4).map(
        lambda steps: "".join(f"/{step}" for step in steps)
    ),
    st.text(max_size=6),
    SCALARS,
)
OPERATIONS = st.one_of(
    st.fixed_dictionaries(
        {},
        optional={
            "op": st.one_of(st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]), SCALARS),
            "path": POINTERS,
            "from": POINTERS,
            "value": VALUES,
        },
    ),
    st.builds(
        lambda op, path, value: {"op": op, "path": path, "from": path, "value": value},
        st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]),
        st.sampled_from(["", "/spec", "/spec/a", "/a/0", "/a/-", "/a"]),
        VALUES,
    ),
    VALUES,
)
JSON_PATCHES = st.one_of(st.lists(OPERATIONS, max_size=5), VALUES)
