"""Texts without what looks like a credential in a URL."""

import re

_IN_URL = re.compile(
    rb"(?<=://)[^\s/?#@\"'<>\\]*:[^\s/?#@\"'<>\\]*(?=@)"  # user:password
    rb"|(?<=https://)[^\s/?#@\"'<>\\]+(?=@)|(?<=http://)[^\s/?#@\"'<>\\]+(?=@)"  # a token in the user's place
    rb"|(?<=[?&])((?:[a-z]+_)?(?:token|password|secret|api_?key)=)[^\s&#\"'<>\\]+",
    re.IGNORECASE,
)


def scrubbed(text: bytes) -> bytes:
    """The text with *** in place of user names with passwords and of values as `token=` has them.

    JSON stays JSON: neither a quote nor a backslash is taken away.
    """
    if b"://" not in text:
        return text
    return _IN_URL.sub(lambda found: (found[1] or b"") + b"***", text)


def scrubbed_text(text: str) -> str:
    """The same of a sentence."""
    return scrubbed(text.encode(errors="surrogatepass")).decode(errors="surrogatepass") if "://" in text else text
