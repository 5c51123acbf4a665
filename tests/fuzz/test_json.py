"""Bodies and patches of the standalone API: read and applied, or refused in words; what is stored can be written."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict

from jumplab_operator.standalone.base import strict_json
from jumplab_operator.standalone.base.errors import RequestRefused
from jumplab_operator.standalone.http import bodies as read_bodies
from jumplab_operator.standalone.http import patches, write_options
from jumplab_operator.standalone.objects.built_in import BUILT_IN
from jumplab_operator.standalone.objects.routes import Target
from jumplab_operator.standalone.storage.writer import encode
from tests.fuzz import FUZZED
from tests.fuzz.refusals import check_refusal, check_words
from tests.fuzz.values import JSON_PATCHES, OBJECTS, VALUES, bodies

KINDS = st.sampled_from([kind for kind in BUILT_IN if not kind.view])


@FUZZED
@given(bodies())
def test_a_body_is_a_value_that_can_be_stored_or_a_sentence(body: bytes) -> None:
    try:
        value = strict_json.read(body)
    except ValueError as error:
        check_words(str(error))
        return
    assert strict_json.read(encode(value)) == value
    strict_json.check_depth(value)


@FUZZED
@given(VALUES)
def test_what_json_has_is_read_as_it_is_written(value: Any) -> None:
    read = strict_json.read(json.dumps(value).encode())
    assert read == value or read == json.loads(json.dumps(value), parse_int=_int64_or_float)


def _int64_or_float(text: str) -> int | float:
    number = int(text)
    return number if -(2**63) <= number < 2**63 else float(text)


@FUZZED
@given(st.one_of(VALUES, OBJECTS), KINDS, st.sampled_from(["", "a"]))
def test_an_object_is_admitted_or_refused(sent: Any, kind: Any, name: str) -> None:
    """As it was sent, and with the head that its kind has: what is wrong is further in, then."""
    version = next(iter(kind.versions.values()))
    target = Target(kind, version, "default" if kind.namespaced else "", name)
    head = {"apiVersion": target.api_version, "kind": kind.kind}
    for whole in (sent, {**sent, **head} if isinstance(sent, dict) else head):
        try:
            admitted = read_bodies.admitted(target, copy.deepcopy(whole))
        except RequestRefused as refusal:
            check_refusal(refusal)
        else:
            encode(admitted)


def patched(media_type: str, current: Any, patch: Any) -> None:
    """What a patch leaves can be stored, and what was there is as it was."""
    kept = copy.deepcopy(current)
    try:
        made = patches.apply_patch(media_type, current, patch, BUILT_IN[0], "a")
    except RequestRefused as refusal:
        check_refusal(refusal)
    else:
        assert isinstance(made, dict)
        encode(made)
    assert current == kept


@FUZZED
@given(OBJECTS, JSON_PATCHES)
def test_a_json_patch_applies_or_is_refused(current: Any, patch: Any) -> None:
    patched(patches.JSON, current, patch)


@FUZZED
@given(OBJECTS, st.one_of(OBJECTS, VALUES), st.sampled_from([patches.MERGE, patches.STRATEGIC]))
def test_a_merge_patch_applies_or_is_refused(current: Any, patch: Any, media_type: str) -> None:
    patched(media_type, current, patch)


@FUZZED
@given(OBJECTS, OBJECTS)
def test_a_merge_patch_twice_is_as_once(current: Any, patch: Any) -> None:
    once = patches.merge(current, patch)
    assert patches.merge(once, patch) == once


@FUZZED
@given(st.one_of(bodies(), OBJECTS.map(lambda options: json.dumps(options).encode())))
def test_options_of_a_delete_are_read_or_refused(body: bytes) -> None:
    try:
        write_options.delete_options(MultiDict(), body)
    except RequestRefused as refusal:
        check_refusal(refusal)
