"""Close JSON of which only the beginning was logged."""

from __future__ import annotations

from typing import NamedTuple


class TruncatedJson(NamedTuple):
    """JSON without its last, incomplete value, and the brackets that close it."""

    text: str
    closing: str


def close_truncated(text: str) -> TruncatedJson:
    """Return the readable part of truncated JSON; ``text + closing`` is valid JSON if the input was."""
    stack: list[str] = []
    end, is_string, is_escaped = 0, False, False
    closing = ""
    for index, letter in enumerate(text):
        if is_string:
            is_string = is_escaped or letter != '"'
            is_escaped = letter == "\\" and not is_escaped
        elif letter == '"':
            is_string = True
        elif letter in "{[":
            stack.append("}" if letter == "{" else "]")
            end, closing = index + 1, "".join(reversed(stack))
        elif letter in "}]" and stack:
            stack.pop()
            end, closing = index + 1, "".join(reversed(stack))
        elif letter == ",":
            end, closing = index, "".join(reversed(stack))
    return TruncatedJson(text[:end], closing)
