"""Estimates how many tokens a text has, without the model's tokenizer.

Ollama has no call that tokenizes, so parts are cut by an estimate. It leans to the high side: a part that
turns out too long costs a refused call and a second cut, one that is a little short costs nothing.
"""

import re
from functools import lru_cache
from itertools import accumulate, pairwise

import regex

_RULE_MARKS = "=-_*#~."
_RULE = "|".join(rf"\{mark}{{4,32}}+" for mark in _RULE_MARKS)
# Runs are bounded so that a text of one endless word can be cut too. Possessive: nothing to backtrack into.
_PIECES = rf"""
    (?P<latin>   [\p{{Latin}}\p{{M}}]{{1,24}}+ )
  | (?P<cjk>     [\p{{Han}}\p{{Hiragana}}\p{{Katakana}}\p{{Hangul}}]{{1,8}}+ )
  | (?P<letters> [\p{{L}}\p{{M}}]{{1,16}}+ )
  | (?P<digit>   \p{{N}}{{1,6}}+ )
  | (?P<space>   \s{{1,16}}+ )
  | (?P<rule>    {_RULE} )
  | (?P<symbol>  [\p{{P}}\p{{S}}] [\p{{M}}\u200d\ufe0f]{{0,8}}+ )
  | (?P<other>   . )
"""
_PIECE = regex.compile(_PIECES, regex.VERBOSE | regex.DOTALL)
# Without a named group, findall returns whole pieces, in half the time of finditer.
_UNNAMED_PIECE = regex.compile(re.sub(r"\?P<\w+>", "?:", _PIECES), regex.VERBOSE | regex.DOTALL)

# The same pieces in a fifth of the time, for texts of ASCII, Latin letters and common punctuation, as most are.
_COMMON = (
    r"[A-Za-zªº\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f]{1,24}|[0-9²³¹¼½¾]{1,6}"
    r"|={4,32}|-{4,32}|_{4,32}|\*{4,32}|#{4,32}|~{4,32}|\.{4,32}"
)
_COMMON_PIECE = re.compile(rf"{_COMMON}|\s{{1,16}}|.", re.DOTALL)
# With the single space before each, which costs nothing: half as many of them.
_COMMON_COUNTED = re.compile(rf" ?(?:{_COMMON})|\s{{1,16}}|.", re.DOTALL)
_UNCOMMON = re.compile(r"[^\t-\r -\xb4\xb6-\u024f\u2010-\u2027\u2030-\u205e\u20a0-\u20bf]")

_LINE_END = re.compile(r"(?<=\S)\n")  # white space begins a piece, so no piece is cut in two there
_PAUSE = re.compile(r"(?<=[.,;:!?]) (?=\S)|(?<=\S)\n")

_WIDE_SPACES = ("  ", " \n", "\n ", "\u00a0 ", " \u00a0")
_RARE_SPACE = re.compile("[\t\r\v\f\x1c-\x1f\x85\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")


def _shape(character: str) -> str:
    """The representative of an ASCII character: a character that costs the same in any context."""
    if character.isalnum():
        return "0" if character.isdigit() else "a"
    if character == " " or character in _RULE_MARKS:
        return character
    return "\n" if character in "\t\n\v\f\r" else "!" if character.isprintable() else "\0"


_SHAPES = "".join(_shape(chr(code)) for code in range(128)).encode().ljust(256, b"\0")
_LONGEST_SHAPE = 64  # characters; what is longer is not kept

_KEPT_CHARACTERS = 8192

LARGEST_PIECE_TOKENS = 18
"""No piece costs more, so any budget of at least this many tokens can be met."""


def _cost(kind: str | None, piece: str) -> int:
    length = len(piece)
    match kind:
        case "latin":
            # Byte-level BPE vocabularies hold most English words whole; letters outside ASCII are rarer in
            # them and cost about one token each.
            if piece.isascii():
                return (length + 4) // 5
            return (length + 2 * sum(1 for c in piece if not c.isascii()) + 4) // 5
        case "cjk":
            # Qwen and Llama 3 take 0.6 to 1.5 tokens for one, small English vocabularies about 2.
            return 2 * length
        case "letters":
            return length
        case "digit":
            # Qwen and SmolLM split numbers digit by digit.
            return length if piece.isascii() else 3 * length
        case "space":
            # A single space belongs to the word after it.
            return 0 if piece == " " else (length + 3) // 4
        case "rule":
            # Vocabularies hold long runs of the marks that draw lines in tables and logs.
            return (length + 7) // 8
        case "symbol":
            return 1 if piece.isascii() else min(3 * length, LARGEST_PIECE_TOKENS)
        case _:
            return 3


def running_totals(text: str) -> tuple[list[int], list[int]]:
    """The end of each piece of `text`, in order, and the estimated tokens up to there; 0 and 0 before the first.

    The pieces join to the text, which has the same ones on both sides of a cut at the end of one, so that the costs of
    parts add up.
    """
    cut = _cut(text)
    return list(accumulate(map(len, cut), initial=0)), list(accumulate(map(_cost_of, cut), initial=0))


def _cut(text: str, common: re.Pattern[str] = _COMMON_PIECE) -> list[str]:
    if not _UNCOMMON.search(text):
        return common.findall(text)
    # Cut there, so that a rare sign makes only the few words around it slow.
    starts = [0, *(match.start() for match in _PAUSE.finditer(text)), len(text)]
    parts = (text[start:end] for start, end in pairwise(starts))
    return [piece for part in parts for piece in (_UNNAMED_PIECE if _UNCOMMON.search(part) else common).findall(part)]


@lru_cache(8192)  # a language's common words; each text has them all again
def _cost_of(piece: str) -> int:
    return sum(_cost(match.lastgroup, match.group()) for match in _PIECE.finditer(piece))


def estimate_tokens(text: str) -> int:
    """Estimated tokens of `text`, 0 or more, linear in its length."""
    if len(text) <= _KEPT_CHARACTERS:
        return _estimated(text)
    # By lines, so that a rare sign makes only its line slow.
    starts = [0, *(match.start() for match in _LINE_END.finditer(text)), len(text)]
    return sum(_counted(text[start:end]) for start, end in pairwise(starts))


def _counted(text: str) -> int:
    # A single space costs nothing, so words are counted apart. What one of ASCII costs depends on its shape alone, of
    # which a language has a few hundred.
    if text.isascii():
        plain, other = text, ""
    elif any(spaces in text for spaces in _WIDE_SPACES) or _RARE_SPACE.search(text):
        return _counted_by_pieces(text)
    else:
        words = text.split(" ")
        plain = " ".join([word for word in words if word.isascii()])
        other = " ".join([word for word in words if not word.isascii()])
    shape = plain.encode().translate(_SHAPES)
    shapes = shape.split(b" ")
    if b"  " in shape or b" \n" in shape or b"\n " in shape or max(map(len, shapes)) > _LONGEST_SHAPE:
        return _counted_by_pieces(text)
    return sum(map(_cost_of_shape, shapes)) + _counted_by_pieces(other)


def _counted_by_pieces(text: str) -> int:
    return sum(map(_cost_of, _cut(text, _COMMON_COUNTED)))


@lru_cache(4096)
def _cost_of_shape(shape: bytes) -> int:
    return sum(_cost(match.lastgroup, match.group()) for match in _PIECE.finditer(shape.decode()))


# One request asks several times about its text.
_estimated = lru_cache(256)(_counted)
