"""How many tokens a text has, as far as that can be told without the model's tokenizer.

Ollama has no call that tokenizes, so parts are cut by an estimate. It leans to the high side: a part that
turns out too long costs a refused call and a second cut, one that is a little short costs nothing.
"""

import re
import string
from collections.abc import Iterator
from functools import lru_cache

import regex

# Runs are bounded so that a text of one endless word can be cut too. Possessive: nothing to backtrack into.
_PIECE = regex.compile(
    r"""
    (?P<latin>   [\p{Latin}\p{M}]{1,24}+ )
  | (?P<cjk>     [\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}]{1,8}+ )
  | (?P<letters> [\p{L}\p{M}]{1,16}+ )
  | (?P<digit>   \p{N}{1,6}+ )
  | (?P<space>   \s{1,16}+ )
  | (?P<rule>    (?P<mark>[=\-_*\#~.]) (?P=mark){3,31}+ )
  | (?P<symbol>  [\p{P}\p{S}] [\p{M}\u200d\ufe0f]{0,8}+ )
  | (?P<other>   . )
    """,
    regex.VERBOSE | regex.DOTALL,
)

_KEPT_CHARACTERS = 8192

_WORD = re.compile(rb"[A-Za-z]{1,24}")
_WHITE = rb" \t\n\r\f\v"
_SPACES = re.compile(rb"[%s]{2,16}|[%s]" % (_WHITE, _WHITE[1:]))
_SOLID = re.compile(r"[^ \t\n\r\f\v]+")
_WIDE_SPACE = regex.compile(r"[^\S\x00-\x7f]")
_RULE = re.compile(rb"([=\-_*#~.])\1{3,31}")


def _all_but(characters: str) -> bytes:
    return bytes(set(range(256)) - set(characters.encode()))


_NO_SYMBOL = _all_but(string.punctuation)
_NO_DIGIT = _all_but(string.digits)
_NO_OTHER = (string.ascii_letters + string.digits + string.punctuation + string.whitespace).encode()

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


def pieces(text: str) -> Iterator[tuple[int, int]]:
    """End offset and estimated tokens of each piece of `text`, in order; the pieces join to the text.

    A text cut at the end of a piece has the same pieces on both sides, so the costs of parts add up.
    """
    for match in _PIECE.finditer(text):
        piece, kind = match.group(), match.lastgroup
        # By far the most common pieces first: this loop runs over every text that comes in.
        if piece == " ":
            yield match.end(), 0
        elif kind == "latin" and piece.isascii():
            yield match.end(), (len(piece) + 4) // 5
        else:
            yield match.end(), _cost(kind, piece)


def estimate_tokens(text: str) -> int:
    """Estimated tokens of `text`, 0 or more, linear in its length."""
    return _estimated(text) if len(text) <= _KEPT_CHARACTERS else _counted(text)


def _counted(text: str) -> int:
    if text.isascii():
        return _ascii_tokens(text.encode())
    return sum(cost for _, cost in pieces(text)) if _WIDE_SPACE.search(text) else _mixed_tokens(text)


# One request asks several times about its text.
_estimated = lru_cache(256)(_counted)


def _ascii_tokens(text: bytes) -> int:
    """What the costs of `pieces` add up to, kind by kind, in a sixth of the time: most texts are ASCII."""
    words = sum([(len(word) + 4) // 5 for word in _WORD.findall(text)])
    rules = [len(rule.group()) for rule in _RULE.finditer(text)]
    symbols = len(text.translate(None, _NO_SYMBOL)) - sum(rules) + sum([(length + 7) // 8 for length in rules])
    digits, others = len(text.translate(None, _NO_DIGIT)), len(text.translate(None, _NO_OTHER))
    return words + _space_tokens(text) + symbols + digits + 3 * others


def _mixed_tokens(text: str) -> int:
    """As `_ascii_tokens` for a text of which some words are not ASCII but all white space is, at which pieces end."""
    words = _SOLID.findall(text)
    wide = [word for word in words if not word.isascii()]
    ascii_words = " ".join([word for word in words if word.isascii()])  # a single space costs nothing
    costs = sum(cost for word in wide for _, cost in pieces(word))
    return _ascii_tokens(ascii_words.encode()) + _space_tokens(text.encode("ascii", "replace")) + costs


def _space_tokens(text: bytes) -> int:
    return sum([(len(space) + 3) // 4 for space in _SPACES.findall(text)])
