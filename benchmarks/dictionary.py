"""Writes the entropy tables of the capsule's dictionaries from their texts in `app/capsule/data`.

    .venv/bin/pip install backports.zstd   # not needed by the service
    .venv/bin/python -m benchmarks.dictionary

A Zstandard dictionary is a text with phrases, preceded by tables of frequencies of bytes, lengths and distances. Tables
computed from the dictionary's own text would expect every phrase to be in it. So half of the pieces of the text serve
as the dictionary and the other half as samples here, and only the tables are kept.

Capsules that were written with other tables or another text can no longer be opened.
"""

import regex
from backports import zstd

from app.capsule.codec import DATA, DICTIONARIES, Encoding

_PIECE = regex.compile(r"(?s).{100,}?(?:[.!?][ \n]|[。\n]|$)|.+$")
_SAMPLE_PIECES = 3
_NAMES = b"\x13qwen2.5:7b-instruct\x013"  # the start of a stream: each with its length before it
_MORE_BYTES = 2048  # for the tables


def tables(text: str, encoding: Encoding) -> bytes:
    """The part of a dictionary before its text."""
    pieces = [piece.encode(encoding) for piece in _PIECE.findall(text)]
    half, others = b"".join(pieces[::2]), pieces[1::2]
    samples = [
        # A source and a summary that repeats a third of it.
        _NAMES + b"".join(others[at : at + _SAMPLE_PIECES]) + others[at]
        for at in range(0, len(others), _SAMPLE_PIECES)
    ]
    whole: bytes = zstd.finalize_dict(
        zstd.ZstdDict(half, is_raw=True), samples, len(half) + _MORE_BYTES, 9
    ).dict_content
    if not whole.endswith(half):
        raise ValueError("the dictionary does not end in its text")
    return whole[: -len(half)]


def main() -> None:
    """Write the tables and print their sizes."""
    for encoding, name in DICTIONARIES.items():
        text = DATA.joinpath(f"{name}.txt").read_text(encoding="utf-8")
        front = tables(text, encoding)
        path = DATA.joinpath(f"{name}.tables")
        with open(str(path), "wb") as file:
            file.write(front)
        print(f"{name}: {len(front)} bytes of tables before {len(text.encode(encoding)):,} bytes of text")


if __name__ == "__main__":
    main()
