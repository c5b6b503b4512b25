"""The tokens of LaTeX: the bounds of environments, formulas and groups, and comments."""

from bisect import bisect_left
from collections.abc import Iterator

import regex

from app.text.kinds.view import View

_COMMENT = regex.compile(r"(?P<escaped>\\.)|%[^\n]*+(?:\n[ \t]*+(?=\S)|)", regex.DOTALL)
_TOKEN = regex.compile(
    r"\\(?P<edge>begin|end)[ \t]*+\{(?P<name>[^{}\n]{1,60})\}|(?P<open>\\\[)|(?P<close>\\\])|(?P<display>\$\$)"
    r"|(?P<inline>\$|\\\(|\\\))|\\(?P<head>part|chapter|(?:sub){0,2}section|(?:sub)?paragraph|title|author|date)\*?(?=[ \t]*+[\[{])"
    r"|(?P<item>\\item\b)|(?P<blank>\n[ \t]*+\n\s*+)|(?P<brace>[{}])|\\(?:[a-zA-Z@]++\*?|.)|[^\\${}\n]++|.",
    regex.DOTALL,
)
_VERBATIM = regex.compile(r"\\begin\{(verbatim\*?|lstlisting|minted|Verbatim|alltt|comment)\}")
_SPOKEN = regex.compile(
    r"(?P<plain>[^\\${}~&]++)|\\(?P<name>begin|end|label|cite[a-z]*|ref|eqref|pageref|autoref|includegraphics|vspace|hspace|bibliography(?:style)?)"
    r"\*?(?:\[[^\[\]\n]{0,200}\]){0,2}+\{[^{}\n]{0,400}\}"
    r"|\\(?P<name>(?:math|text|operatorname)[a-z]{0,12}|emph|SI|si|qty|num|unit|boxed|bar|hat|vec|tilde)\*?(?P<group>(?=\{))"
    r"|\\(?P<name>[a-zA-Z@]++)\*?|\\(?P<sign>[%#&_$])|\\(?P<name>.)|(?P<name>\}\{|[~&])|.",
    regex.DOTALL,
)
_SIGNS = {
    "times": "×", "cdot": "·", "pm": "±", "mu": "µ", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "approx": "≈", "degree": "°",
    "minute": "min", "second": "s", "hour": "h", "kelvin": "K", "meter": "m", "metre": "m", "percent": "%", "euro": "€",
    "%": "%", "#": "#", "&": "&", "_": "_", "$": "$", "ldots": "…", "dots": "…",
}  # fmt: skip


def without_commands(text: str, start: int, end: int) -> View:
    """The text of a slice of LaTeX without commands: "1400 K" for "$1400\\,\\mathrm{K}$"."""
    view = View()
    for match in _SPOKEN.finditer(text, start, end):
        command = match["name"]
        if match["plain"]:
            view.add(match[0], match.start(), match.end())
        elif command or match["sign"]:
            view.put(_SIGNS.get(command or match["sign"], "" if match["group"] is not None else " "))
    return view


def without_comments(text: str, start: int, end: int) -> View:
    """A slice of LaTeX without its comments, except where nothing is a comment."""
    view = View()
    at = start
    for first, last in [*_verbatim(text, start, end), (end, end)]:
        for match in _COMMENT.finditer(text, at, first):
            if not match["escaped"]:
                view.add(text[at : match.start()], at, match.start())
                at = match.end()
        view.add(text[at:last], at, last)
        at = last
    return view


def _verbatim(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The verbatim environments, without comments or commands."""
    at = start
    missing: set[str] = set()
    while match := _VERBATIM.search(text, at, end):
        name = match[1]
        close = -1 if name in missing else text.find(f"\\end{{{name}}}", match.end(), end)
        at = match.end()
        if close < 0:
            missing.add(name)
            continue
        at = close + len(name) + 6
        yield match.start(), at


class Marks:
    """The bounds of environments, formulas and groups in `text`.

    `tokens`: the relevant ones, in order. `pairs`: end by start of each environment, displayed formula or group.
    `ends`: start of the end tag by start of each environment. `body`: start of the document after its preamble, 0
    without one.
    """

    def __init__(self, text: str) -> None:
        self.tokens: list[regex.Match[str]] = []
        self.pairs: dict[int, int] = dict(_verbatim(text, 0, len(text)))
        self.ends: dict[int, int] = {}
        self.body = 0
        self._masks: list[tuple[int, int]] = []
        self._environments: list[tuple[str, int]] = []
        self._names: dict[str, int] = {}
        self._braces: list[int] = []
        self._math: int | None = None
        self._display: int | None = None
        skip = 0
        for token in _TOKEN.finditer(text):
            at = token.start()
            if token.lastgroup is None or at < skip:
                continue
            self.tokens.append(token)
            if at in self.pairs:
                skip = self.pairs[at]
            elif token["edge"]:
                self._edge(token)
            elif token["brace"]:
                self._brace(token)
            elif token["blank"]:
                self._math = self._display = None
                self._braces.clear()
            else:
                self._formula(token)
        self._masks.sort()

    def masked(self, text: str, start: int, end: int) -> str:
        """A slice with formulas and groups replaced by words of the same length, so that no sentence ends inside one."""
        pieces: list[str] = []
        at = start
        number = bisect_left(self._masks, (start, -1))
        while number < len(self._masks) and self._masks[number][0] < end:
            first, last = self._masks[number]
            if at <= first and last <= end:
                pieces += text[at:first], "X" + "x" * (last - first - 1)
                at = last
            number += 1
        return "".join([*pieces, text[at:end]])

    def _edge(self, token: regex.Match[str]) -> None:
        name = token["name"]
        if token["edge"] == "begin":
            self._environments.append((name, token.start()))
            self._names[name] = self._names.get(name, 0) + 1
            return
        while self._names.get(name, 0):
            opened, start = self._environments.pop()
            self._names[opened] -= 1
            if opened == name:
                self.pairs[start], self.ends[start] = token.end(), token.start()
                self.body = start if name == "document" else self.body
                return

    def _brace(self, token: regex.Match[str]) -> None:
        if token["brace"] == "{":
            self._braces.append(token.start())
        elif self._braces:
            opened = self._braces.pop()
            self.pairs[opened] = token.end()
            if not self._braces:
                self._masks.append((opened, token.end()))

    def _formula(self, token: regex.Match[str]) -> None:
        if token["inline"]:
            if self._math is not None:
                self._masks.append((self._math, token.end()))
            self._math = token.start() if self._math is None else None
        elif token["open"] or (token["display"] and self._display is None):
            self._display = token.start()
        elif (token["close"] or token["display"]) and self._display is not None:
            self.pairs[self._display] = token.end()
            self._display = None
