"""Bearer tokens: the one that a caller presents, and whether it is the expected one."""

import hmac


def presented_token(authorization: str) -> str:
    """The token of `Bearer TOKEN`. Empty without one, and for one with white space within."""
    scheme, _, rest = authorization.partition(" ")
    words = rest.split()
    return words[0] if scheme.lower() == "bearer" and len(words) == 1 else ""


def same_token(expected: str | bytes, presented: str | bytes) -> bool:
    """Whether two tokens are the same, in a time independent of where they differ. An empty one equals nothing."""
    known, sent = _bytes(expected), _bytes(presented)
    return bool(known) and hmac.compare_digest(known, sent)


def _bytes(token: str | bytes) -> bytes:
    # Headers and JSON bring half surrogate pairs, which are text to Python and have no UTF-8.
    return token.encode(errors="surrogatepass") if isinstance(token, str) else token
