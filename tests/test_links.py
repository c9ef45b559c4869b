"""What the documents point to is there: files of the repository, and headings in them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

REPOSITORY = Path(__file__).parent.parent
DOCUMENTS = [
    *(REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((REPOSITORY / "docs").rglob("*.md")),
]

MARKDOWN = MarkdownIt("commonmark").enable("table")


def parsed(document: Path) -> Iterator[Token]:
    """All that it consists of, from its beginning to its end."""
    return within(MARKDOWN.parse(document.read_text(encoding="utf-8")))


def within(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from within(token.children or ())


def links(document: Path) -> list[str]:
    """What it points to, pictures included, as it is written."""
    targets = (token.attrGet("href") or token.attrGet("src") for token in parsed(document))
    return [str(target) for target in targets if target]


def anchors(document: Path) -> set[str]:
    """Its headings, as GitHub makes names of them; of those that are alike, the second gets `-1`, and so on."""
    names: list[str] = []
    alike: Counter[str] = Counter()
    heading = False
    for token in parsed(document):
        if token.type == "inline" and heading:
            said = "".join(piece.content for piece in token.children or () if piece.type in ("text", "code_inline"))
            name = re.sub(r"[^\w\- ]", "", said.lower()).replace(" ", "-")
            names.append(f"{name}-{alike[name]}" if alike[name] else name)
            alike[name] += 1
        heading = token.type == "heading_open"
    return set(names)


def faults(document: Path, repository: Path) -> list[str]:
    """Links that lead nowhere, or out of the repository. The web is not asked."""
    inside = [link for link in links(document) if not urlsplit(link).scheme]
    return [link for link in inside if not leads_somewhere(link, document, repository)]


def leads_somewhere(link: str, document: Path, repository: Path) -> bool:
    path, _, anchor = unquote(link).partition("#")
    target = (document.parent / path).resolve() if path else document
    if not (target.exists() and target.is_relative_to(repository)):
        return False
    return not anchor or (target.suffix == ".md" and anchor in anchors(target))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_every_link_leads_somewhere(document: Path) -> None:
    assert faults(document, REPOSITORY) == []


def test_some_documents_link_to_others() -> None:
    assert sum(not urlsplit(link).scheme for document in DOCUMENTS for link in links(document)) > 20


def test_a_link_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "other page.md").write_text("# `code` and *more*, it's a name\n\n## Twice\n\n## Twice\n")
    (tmp_path / "read.md").write_text("# Read\n\n```\n# here\n```\n")
    other = [f"other%20page.md{anchor}" for anchor in ("", "#twice", "#twice-1", "#code-and-more-its-a-name")]
    good = ["#here", "https://a.example/page.md#x", "../read.md", ".", *other]
    bad = ["#there", "read.md", "/read.md", "../..", "../read.md#here", "other%20page.md#twice-2", ".#here"]
    (tmp_path / "docs" / "page.md").write_text(f"# Here\n\n{' '.join(f'[text]({link})' for link in good + bad)}\n")
    assert faults(tmp_path / "docs" / "page.md", tmp_path) == bad


def test_links_are_where_markdown_has_them(tmp_path: Path) -> None:
    """Pictures among them; none in code, and a cell ends where it ends, whatever was begun in it."""
    table = "| one | two | three |\n| --- | --- | --- |\n| ` | [text](cell.md) | ` |\n"
    code = "```\n[text](code.md)\n```\n\n`[text](more.md)`\n"
    (tmp_path / "page.md").write_text(f"[named][1] ![seen](picture.svg)\n\n{table}\n{code}\n[1]: named.md\n")
    assert links(tmp_path / "page.md") == ["named.md", "picture.svg", "cell.md"]
