"""From what a model writes to what a voice should be given: without markdown, and in words.

The transcript keeps the model's own text. Headings, bold type and bullets are layout and are not said; a link is said
by its name, a row of a table as its cells. Code that is set apart and named as such is for the eye alone.
"""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.token import Token

from realtime.pipeline.sentences import Phrase
from realtime.pipeline.spoken_english import in_words

_FENCE = re.compile(r"(?P<fence>`{3,}|~{3,})\s*(?P<language>[^\s`]*)[^`]*")
_PROSE = frozenset({"", "text", "txt", "plaintext", "plain", "markdown", "md"})
"""What may stand in a fence and is still to be read."""

_LAYOUT = re.compile(r"^(?:>\s?)*(?:#{1,6}\s+|[-*+•]\s+(?:\[[ xX]\]\s+)?)?")
_CELLS = re.compile(r"\s*\|\s*")
# Signs of a pair whose other half stands in another phrase.
_ORPHANS = re.compile(r"\*{2,}|__+|~~+|`+|(?<![\w*])[*_](?=\w)|(?<=[\w.,;:!?])[*_](?![\w*])")
_LIST_NUMBER = re.compile(r"^(\d{1,3})[.)]\s+(?=\S)")
_CLOSED = re.compile(r"[.,;:!?…][\"'”’)\]]*$")


class Reading:
    """One reply being read out: remembers whether it stands in a fence."""

    def __init__(self) -> None:
        self._markdown = MarkdownIt("commonmark").enable("strikethrough")
        self._fence: str | None = None
        self._is_code = False

    def spoken(self, phrase: Phrase) -> str:
        """What a voice should be given for the reply's next phrase; empty if there is nothing to say in it.

        Where a sentence goes on there is a mark that says so: else the voice would sound as if it had come to an end.
        """
        if self._passes_fence(phrase.text) or self._is_code:
            return ""
        text = in_words(self._plain(phrase.text))
        if not any(map(str.isalnum, text)):
            return ""
        if phrase.goes_on and not _CLOSED.search(text):
            return text.rstrip(" -–—") + ","
        return text

    def _passes_fence(self, text: str) -> bool:
        found = _FENCE.fullmatch(text)
        if found is None:
            return False
        if self._fence is None:
            self._fence = found["fence"]
            self._is_code = found["language"].lower() not in _PROSE
        elif found["fence"].startswith(self._fence) and not found["language"]:
            self._fence, self._is_code = None, False
        return True

    def _plain(self, text: str) -> str:
        """`text` without markdown."""
        text = _CELLS.sub(", ", _LAYOUT.sub("", text).strip(" |"))
        tokens = self._markdown.parseInline(_LIST_NUMBER.sub(r"\1, ", text))[0].children or ()
        return _ORPHANS.sub("", "".join(map(_content, tokens)))


def _content(token: Token) -> str:
    """What is said of a piece of markdown; nothing where bold type, or a link, begins and ends."""
    return " " if token.type in ("softbreak", "hardbreak", "html_inline") else token.content
