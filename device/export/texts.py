"""Texts as they lie in a database, which does not keep anybody from storing what is no UTF-8."""

from dataclasses import dataclass


@dataclass(frozen=True)
class UnreadableText:
    """A text value whose bytes are no UTF-8."""

    content: bytes


def read_text(content: bytes) -> str | UnreadableText:
    """For a connection's ``text_factory``: sqlite3's own raises, and does not say where."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return UnreadableText(content)
