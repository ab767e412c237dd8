"""What somebody wrote, without markup, without what they quote, and without the signature."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html.parser import HTMLParser

LONGEST = 20_000  # characters that are looked at; a letter is shorter, an attachment pasted in is not
ENOUGH = 1_000  # characters of what is kept: by then a mood has shown, and readers take time for each
_LINE = 400  # characters of a line beyond which it opens no quote and closes no letter: patterns stay quick
_TAG = re.compile(r"</?[a-zA-Z!][^<>@\s]{0,50}(\s[^<>]{0,1000})?>")  # an address in brackets is none
_STRAY = re.compile(rf"<(?!{_TAG.pattern[1:]})")  # left open, the parser would look for its end again and again
_BREAKS = frozenset({"br", "p", "div", "li", "tr", "h1", "h2", "h3", "ul", "ol", "table"})
_HIDDEN = frozenset({"script", "style", "head", "title", "blockquote"})
_SPACE = re.compile(r"[^\S\n]+")
_EMPTY = re.compile(r"\n\s*\n")

# a line from which on nothing is the sender's own: quoted letters, and what a client or a person signs with
_QUOTED = re.compile(
    r"(on|am) .*(wrote|schrieb)\b.*:|-{2,} ?(original|ursprüngliche|forwarded|weitergeleitete).*|_{5,}"
    r"|begin forwarded message:|anfang der weitergeleiteten nachricht:",
    re.IGNORECASE,
)
_DATED = re.compile(r"(on|am) .*\d", re.IGNORECASE)
_HEADER = (
    re.compile(r"\*?(from|von):\*? .*", re.IGNORECASE),
    re.compile(r"\*?(sent|date|to|gesendet|datum|an):\*? .*", re.IGNORECASE),
)
_SIGNED = re.compile(
    r"--|sent (from|with) (my|outlook|mail|yahoo|proton).*|get outlook for .*|holen sie sich outlook für .*"
    r"|gesendet (von (mein|outlook|mail|yahoo)|mit der).*|(diese nachricht wurde )?von mein\w* .* gesendet.*"
    r"|((best|kind|warm|many) )?(regards|wishes)\b.{0,40}|(yours )?sincerely\b.{0,40}"
    r"|(mit )?(freundliche[nr]?|viele[n]?|beste[n]?|liebe[n]?|herzliche[n]?|schöne[n]?) gr(ü|ue)(ß|ss)e[n]?\b.{0,40}"
    r"|(mfg|lg|vg|gr(u|ü|ue)(ß|ss)e?)\b.{0,20}",
    re.IGNORECASE,
)


def clean(text: str) -> str:
    r"""Keep what the sender wrote of a message: no markup, no quoted message, no signature.

    At most `LONGEST` characters are looked at, and at most `ENOUGH` are kept.

    Examples
    --------
    >>> clean("<p>Still broken.</p><blockquote>Have you tried?</blockquote>")
    'Still broken.'
    >>> clean("Läuft wieder, danke!\n\nAm 12.03.2025 um 10:12 schrieb Support <s@x.com>:\n> Bitte testen")
    'Läuft wieder, danke!'
    """
    text = text[:LONGEST]
    if _TAG.search(text):
        text = _plain(text)
    text = _SPACE.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = _EMPTY.sub("\n\n", text).strip()
    return "\n".join(_own(text.split("\n"))).strip()[:ENOUGH].strip()


def _own(lines: Sequence[str]) -> list[str]:
    """Keep the lines of a letter up to where a quote or a signature begins; quoted lines in between are left out."""
    kept: list[str] = []
    for number, line in enumerate(lines):
        stripped = line.strip()
        if stripped.startswith(">"):
            continue
        if len(stripped) <= _LINE and _ends(stripped, lines[number + 1 : number + 4], bool(kept)):
            break
        kept.append(line)
    return kept


def _ends(line: str, following: Sequence[str], begun: bool) -> bool:
    """Tell whether a line ends what the sender wrote, given the lines behind it."""
    if _QUOTED.fullmatch(line) or (begun and _SIGNED.fullmatch(line)):
        return True
    behind = [one.strip()[:_LINE] for one in following]
    if _DATED.match(line) and any(_QUOTED.fullmatch(" ".join([line, *behind[:more]])) for more in (1, 2)):
        return True  # the line of who wrote when, broken by a client
    return bool(_HEADER[0].fullmatch(line) and any(_HEADER[1].fullmatch(one) for one in behind))


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.hidden: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 # the parser's signature
        if tag in _HIDDEN or (self.hidden and tag == self.hidden[-1]):
            self.hidden.append(tag)
        elif tag in _BREAKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if self.hidden and tag == self.hidden[-1]:
            self.hidden.pop()
        elif tag in _BREAKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.parts.append(data)


def _plain(text: str) -> str:
    first, *others = text.split("<!--")
    text = first + "".join(one.partition("-->")[2] for one in others)
    parser = _Text()
    parser.feed(_STRAY.sub("&lt;", text))
    parser.close()
    return "".join(parser.parts)
