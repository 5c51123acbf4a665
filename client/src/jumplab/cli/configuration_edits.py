"""Changes in the text of a configuration file that leave the rest of it as it was written, comments included."""

import re

import yaml

_TOKEN_LINE = re.compile(r"^token:.*$", re.MULTILINE)


def has_one_token(text: str) -> bool:
    """Whether there is one line that begins with `token:`."""
    return len(_TOKEN_LINE.findall(text)) == 1


def with_token(text: str, token: str) -> str:
    """The text with another token."""
    return _TOKEN_LINE.sub(lambda _: f"token: {token}", text)


def with_ca(text: str, ca: str) -> str | None:
    """The text with another value of `tls.ca`, however that is written; None where it has none."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    for key in ("tls", "ca"):
        node = _value_of(node, key)
    if not isinstance(node, yaml.ScalarNode):
        return None
    begin, end = node.start_mark.index, node.end_mark.index
    line_end = "\n" if text[begin:end].endswith("\n") else ""  # a block's text reaches to its last line's end
    return f"{text[:begin]}{ca}{line_end}{text[end:]}"


def _value_of(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)
