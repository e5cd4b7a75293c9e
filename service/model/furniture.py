"""Page furniture: lines that come with a text but are not the story, such as bylines, captions, credits and calls to subscribe.

They are blanked, not cut, so that every span still indexes the caller's own string. Only whole lines of at most 200 characters are looked
at: a line of the story itself is hardly ever so short and so worded.
"""

from __future__ import annotations

import re

LONGEST = 200
OPENING = re.compile(
    r"""
    \W*(?i:
        (?:last\s)?(?:updated|modified)\b[^.]{0,40}\d
      | image\s\d+\sof\s\d+
      | (?:photo|photograph|picture|image|caption|credit|video)s?(?:\s(?:credit|source|by))?\s*[:/]
      | share\sthis\b | sign\sup\b | subscribe\b | follow\sus\b | read\smore\b | get\sshort\surl\b
      | (?:print|email|e-mail)\sthis\b | most\s(?:read|popular)\b | more\son\sthis\sstory\b
      | related\s(?:stories|topics|articles|content|links)\b | advertisement\W*$ | comments?\W*\d*\W*$
      | (?:additional\s)?(?:reporting|writing|editing)\sby\b | (?:we|this\s(?:site|page|website))\suses?\scookies\b
      | all\srights\sreserved\b | copyright\b
    )
  | \s*(?:By|BY)\s(?:(?:[A-Z][\w.'’-]*|and|in|of),?\s*){1,8}$  # a byline
    """,
    re.VERBOSE,
)
HELD = re.compile(
    r"""
    \bphoto(?:graph)?s?(?:\scredit)?\s*(?::|/|\bby\b) | \b(?:credit|caption|picture)\s*: | \bhandout\W*$
  | \ball\srights\sreserved\b | \bgetty\simages\b | ©
    """,
    re.VERBOSE | re.IGNORECASE,
)
HINTS = ("photo", "credit", "caption", "picture", "handout", "reserved", "getty", "©")


def blank_furniture(text: str) -> str:
    r"""Put spaces in the place of furniture; a text that is nothing else is left as it is.

    >>> blank_furniture("Shells hit the post.\nPhoto: J. Smith/Agency")
    'Shells hit the post.\n                      '
    """
    if "\n" not in text:
        return text
    lines = text.split("\n")
    found = [place for place, line in enumerate(lines) if line and len(line) <= LONGEST and _is_furniture(line)]
    if not found:
        return text
    for place in found:
        lines[place] = " " * len(lines[place])
    blanked = "\n".join(lines)
    return text if blanked.isspace() else blanked


def _is_furniture(line: str) -> bool:
    """Say whether a line begins or reads like furniture; the slow search is spared where none of its words stands."""
    if OPENING.match(line):
        return True
    lower = line.lower()
    return any(hint in lower for hint in HINTS) and HELD.search(line) is not None
