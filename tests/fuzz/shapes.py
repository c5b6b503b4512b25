"""Texts that aim at the worst of the fact finder and of what reads a text with it: of any size, by shape."""

import random
from collections.abc import Callable

Shape = Callable[[int], str]

_WORDS = "the ferry to Tallinn leaves at Monday Müller AG unless rose not 3.2% EUR 4 million and because in May".split()
_SCRIPTS = "aЖ中あ한عहไ€9.-_\u0301\u200d😀Ａ²ß"
_MARKS = "\"'“”«»()[]{}<>.,;:!?-–—/\\@#$%^&*_=+|~`"


def _repeated(unit: str) -> Shape:
    return lambda size: (unit * (size // len(unit) + 1))[:size]


def _nested(opening: str, closing: str) -> Shape:
    return lambda size: opening * (size // 2) + closing * (size // 2)


def _drawn(alphabet: str) -> Shape:
    return lambda size: "".join(random.Random(size).choices(alphabet, k=size))


def _words(separator: str) -> Shape:
    return lambda size: separator.join(random.Random(size).choices(_WORDS, k=size // 4))[:size]


SHAPES: dict[str, Shape] = {
    "one digit again and again": _repeated("7"),
    "digits with separators": _repeated("1,234.567"),
    "digits with spaces": _repeated("1 234 "),
    "a range without end": _repeated("10-"),
    "a date without end": _repeated("12.11.2026."),
    "a time without end": _repeated("12:30:"),
    "an amount without end": _repeated("EUR 3 million "),
    "percent signs": _repeated("3%"),
    "units": _repeated("5 kg/m²"),
    "digits of all scripts": _drawn("0٣३๓۷９"),
    "number words": _repeated("twenty-three million and "),
    "opening quotes": _repeated('"'),
    "opening quotes with words": _repeated('"word '),
    "nested quotes": _nested("“", "”"),
    "nested brackets": _nested("([{<", ">}])"),
    "apostrophes in a word": _repeated("o'"),
    "a sentence without end": _words(" "),
    "lines without end": _words("\n"),
    "one word without end": _repeated("a"),
    "one capital without end": _repeated("A"),
    "a name again and again": _repeated("Maria Lindqvist "),
    "names of one letter": _repeated("A. "),
    "names with particles": _repeated("Ludwig van der "),
    "camel case": _repeated("aB"),
    "an identifier without end": _repeated("a1-"),
    "underscores": _repeated("a_"),
    "a url of one size": lambda size: ("https://example.org/" + "a/b?c=d&" * size)[:size],
    "a host without end": _repeated("a."),
    "an address without end": _repeated("a@"),
    "an ip without end": _repeated("1.2.3."),
    "an ip of version 6": _repeated("fe80::"),
    "a path without end": _repeated("/a"),
    "a path of backslashes": _repeated("C:\\a"),
    "alternating punctuation": _repeated(".,;:!?"),
    "punctuation by chance": _drawn(_MARKS),
    "dashes": _repeated("-"),
    "full stops": _repeated("."),
    "stops and spaces": _repeated(". "),
    "NUL": _repeated("\0"),
    "NUL in words": _repeated("a\0b "),
    "spaces": _repeated(" "),
    "tabs and spaces": _repeated("\t "),
    "line ends": _repeated("\n"),
    "line ends of all kinds": _drawn("\r\n\u2028\u2029\v\f\x85 "),
    "combining characters": lambda size: "e" + "\u0301" * (size - 1),
    "letters with combining characters": _repeated("e\u0301\u0302"),
    "emoji": _repeated("😀"),
    "joined emoji": _repeated("👨\u200d"),
    "flags": _repeated("🇫"),
    "mixed scripts": _drawn(_SCRIPTS),
    "han": _repeated("中国人民银行"),
    "han numerals": _repeated("三千五百万"),
    "han by chance": _drawn("王李先生公司市长年月日十百千万亿，。第不没如果"),
    "japanese": _repeated("東京都の田中さんは"),
    "hangul": _repeated("서울특별시 "),
    "right to left": _repeated("السعر ٣٤ دولار "),
    "ligatures that grow": _repeated("\ufdfa"),
    "negations": _repeated("not "),
    "conditions": _repeated("unless if "),
    "negations and commas": _repeated("no, nor, "),
    "conjunctions": _repeated("and but or "),
    "german nouns": _repeated("Die Donaudampfschifffahrtsgesellschaft "),
    "table rows": _repeated("| a | 1 |\n"),
    "table borders": _repeated("|-"),
    "csv": _repeated("a;1,2;"),
    "json, opened": _repeated('{"a":['),
    "yaml, indented": lambda size: "".join(f"{' ' * at}a:\n" for at in range(int((2 * size) ** 0.5)))[:size],
    "quoted mail": _repeated("> "),
    "quoted mail, deeper and deeper": lambda size: "".join(">" * at + "\n" for at in range(int((2 * size) ** 0.5)))[
        :size
    ],
    "diff": _repeated("@@ -1 +1 @@\n-a\n+b\n"),
    "code without end": _repeated("if (a) { b = c; }; "),
    "log": _repeated("2026-11-23 10:44:43 ERROR a=1\n"),
    "list": _repeated("- a\n"),
    "chat": _repeated("[10:31] A: b\n"),
    "markdown fences": _repeated("```\n"),
    "html": _repeated("<a b="),
    "chat template marks": _repeated("<|im_start|>"),
    "text tags": _repeated("</text>"),
    "base64": _drawn("ABCDabcd0123+/"),
    "hexadecimal": _drawn("0123456789abcdef"),
    "printable by chance": _drawn("".join(map(chr, range(32, 127)))),
    "anything by chance": _drawn("".join(map(chr, [*range(0x250), *range(0x2000, 0x2070), *range(0x3000, 0x3100)]))),
}
