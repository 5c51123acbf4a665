"""Results and errors of drivers travel without what looks like a credential in a URL."""

import json

import pytest

from jumplab.session.call_errors import to_call_error
from jumplab.session.scrubbing import scrubbed, scrubbed_text


@pytest.mark.parametrize(
    ("text", "passed_on"),
    [
        ("can't open http://admin:s3cret@10.0.0.7/relay", "can't open http://***@10.0.0.7/relay"),
        ("https://ghp_abc@example.com/x.img is gone", "https://***@example.com/x.img is gone"),
        ("rtsp://me:pass@cam/1 and ssh://root@board", "rtsp://***@cam/1 and ssh://root@board"),
        ("GET https://h/x?a=1&token=abc&b=2: 403", "GET https://h/x?a=1&token=***&b=2: 403"),
        ("https://h/x?Access_Token=abc#frag", "https://h/x?Access_Token=***#frag"),
        ("mail me@example.com about a:b@c", "mail me@example.com about a:b@c"),
        ("https://h/monkey=1?tokens=3", "https://h/monkey=1?tokens=3"),
    ],
)
def test_a_url_keeps_all_but_its_credentials(text: str, passed_on: str) -> None:
    assert scrubbed_text(text) == passed_on
    assert to_call_error(OSError(text)).message == passed_on


def test_a_result_stays_json() -> None:
    result = {"url": 'http://a:b"c@h/', "other": "tcp://u:p@h:1/?password=x\n"}
    assert json.loads(scrubbed(json.dumps(result).encode())) == {
        "url": 'http://a:b"c@h/',
        "other": "tcp://***@h:1/?password=***\n",
    }


def test_an_unusual_text_is_left_as_it_is() -> None:
    assert scrubbed_text("\udcff http://h/") == "\udcff http://h/"
