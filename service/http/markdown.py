"""The little Markdown that model cards are written in, as HTML in which nothing of the text is ever markup."""

from __future__ import annotations

import re
from collections.abc import Iterator

from markupsafe import Markup, escape

HEADING = re.compile(r"(#{1,4}) +(.+)")
BULLET = re.compile(r"[-*] +")
CODE_OR_BOLD = re.compile(r"`([^`]+)`|\*\*(.+?)\*\*")
RULE_CELL = re.compile(r":?-+:?")


def render(text: str) -> Markup:
    """Render headings, paragraphs, bullet lists, tables, `code` and **bold**; all else is shown as it stands."""
    return Markup("\n").join(html for block in _blocks(text) for html in _block(block))


def _blocks(text: str) -> Iterator[list[str]]:
    """Give runs of lines that belong together: parted by blank lines, and headings alone."""
    block: list[str] = []
    for line in [*text.splitlines(), ""]:
        if block and (not line.strip() or HEADING.fullmatch(line) or HEADING.fullmatch(block[0])):
            yield block
            block = []
        if line.strip():
            block.append(line)


def _block(lines: list[str]) -> Iterator[Markup]:
    heading = HEADING.fullmatch(lines[0])
    if heading:
        level = len(heading[1])
        yield Markup("<h{0}>{1}</h{0}>").format(level, _inline(heading[2]))
    elif lines[0].startswith("|"):
        yield from _table(lines)
    elif BULLET.match(lines[0]):
        yield Markup("<ul>{}</ul>").format(Markup("").join(Markup("<li>{}</li>").format(_inline(item)) for item in _bullets(lines)))
    else:
        yield Markup("<p>{}</p>").format(_inline("\n".join(lines)))


def _bullets(lines: list[str]) -> list[str]:
    """Join the lines of each bullet: one without a bullet of its own goes on with the one before."""
    items: list[str] = []
    for line in lines:
        bullet = BULLET.match(line)
        if bullet:
            items.append(line[bullet.end() :])
        else:
            items[-1] += f"\n{line.strip()}"
    return items


def _table(lines: list[str]) -> Iterator[Markup]:
    head, *rows = ([cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines)
    body = [row for row in rows if not all(map(RULE_CELL.fullmatch, row))]
    yield Markup('<div class="scroll" tabindex="0" role="region" aria-label="Table"><table><thead>{}</thead><tbody>').format(
        _row(head, "col")
    )
    yield from (_row(row, "row") for row in body)
    yield Markup("</tbody></table></div>")


def _row(cells: list[str], scope: str) -> Markup:
    """Make a table row; in the head every cell is a heading, below it the first."""
    tagged = [
        Markup('<th scope="{}">{}</th>').format(scope, _inline(cell))
        if scope == "col" or not index
        else Markup("<td>{}</td>").format(_inline(cell))
        for index, cell in enumerate(cells)
    ]
    return Markup("<tr>{}</tr>").format(Markup("").join(tagged))


def _inline(text: str) -> Markup:
    found, before = Markup(""), 0
    for match in CODE_OR_BOLD.finditer(text):
        found += escape(text[before : match.start()])
        found += Markup("<code>{}</code>").format(match[1]) if match[1] else Markup("<strong>{}</strong>").format(match[2])
        before = match.end()
    return found + escape(text[before:])
