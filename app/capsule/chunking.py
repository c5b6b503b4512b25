"""Cut a text into units (sentences and lines) and into parts that fit a token budget.

Nothing is lost on the way: units joined are the text, parts joined are the text.
"""

from dataclasses import dataclass
from enum import IntEnum

import regex

from app.capsule.tokens import LARGEST_PIECE_TOKENS, estimate_tokens, running_totals

# A sentence ends at a full stop with a space behind it, unless a lower-case letter, a digit or a comma goes on
# ("e.g. this", "No. 5"), or an initial, a title or an ordinal stands before it ("J. Smith", "Dr. Kim",
# "30. September"); at a Chinese or Japanese full stop; and at a line break. Closing quotes and brackets belong to it.
_UNIT_END = regex.compile(
    r"""
    (?: (?<! \b (?: \p{Lu} | (?<! [:.,] ) \p{N}{1,2}
               | Dr | Mr | Mrs | Ms | Prof | St | No | Nr | vs | ca | bzw | Sept | Jr | Sr ) ) [.]
      | [!?…] | [.!?]{2,8}+ )
    ["'”’»)\]]{0,4}+ [ \t]{1,16}+ (?! [\p{Ll}\p{N},;:] )
  | [。！？｡]{1,8}+ [」』”’）]{0,4}+ [ \t\u3000]{0,16}+
  | \r\n | [\n\r\u2028\u2029\v\f\x85]
    """,
    regex.VERBOSE,
)


class Border(IntEnum):
    """How good a place is for a cut; the larger the better."""

    PIECE = 0
    WORD = 1
    UNIT = 2
    PARAGRAPH = 3


@dataclass(frozen=True, slots=True)
class Span:
    """A slice of a text by code-point offsets: `start` included, `end` not."""

    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start


def units(text: str) -> list[Span]:
    """The sentences and lines of `text` with what separates them; joined they are the text. Linear time."""
    spans = []
    start = 0
    for match in _UNIT_END.finditer(text):
        spans.append(Span(start, match.end()))
        start = match.end()
    if start < len(text):
        spans.append(Span(start, len(text)))
    return spans


def split(text: str, budget: int) -> list[str]:
    """Cut `text` into parts of at most `budget` estimated tokens that join to the text.

    Cuts come at paragraph borders, else between sentences or lines, else between words, else anywhere between
    two pieces of `tokens.running_totals`. Parts are of similar size, so that none is left with too little to tell.
    Raises ValueError for a budget below LARGEST_PIECE_TOKENS. An empty text has one empty part.
    """
    if budget < LARGEST_PIECE_TOKENS:
        raise ValueError(f"a budget of {budget} tokens is below {LARGEST_PIECE_TOKENS}")
    total = estimate_tokens(text)
    if total <= budget:
        return [text]
    ends, totals = (column[1:] for column in running_totals(text))
    aim = total / -(-total // budget)
    borders = _borders(text)
    parts = []
    start_index, start, spent = 0, 0, 0
    while totals[-1] - spent > budget:
        cut_index = _best_cut(ends, totals, borders, start_index, spent, aim, budget)
        parts.append(text[start : ends[cut_index]])
        start_index, start, spent = cut_index + 1, ends[cut_index], totals[cut_index]
    parts.append(text[start:])
    return parts


def _borders(text: str) -> dict[int, Border]:
    borders = {}
    for span in units(text):
        borders[span.end] = Border.UNIT
    for match in regex.finditer(r"\n[ \t\r]{0,16}+\n", text):
        borders[match.end()] = Border.PARAGRAPH
    return borders


def _best_cut(
    ends: list[int],
    totals: list[int],
    borders: dict[int, Border],
    start_index: int,
    spent: int,
    aim: float,
    budget: int,
) -> int:
    """Index of the piece to cut after: the best border, and of equal ones the nearest to the aimed size.

    Looks from half the aimed size up to the budget, so that every part is at least half as large as it should
    be and the work stays linear.
    """
    best_index, best_rank = start_index, (-1, 0.0)
    for index in range(start_index, len(ends)):
        size = totals[index] - spent
        if size > budget:
            break
        border = borders.get(ends[index])
        if border is None:
            border = Border.WORD if totals[index] == totals[index - 1] and index else Border.PIECE
        rank = (int(border) if size >= aim / 2 else -1, -abs(size - aim))
        if rank >= best_rank:
            best_index, best_rank = index, rank
    return best_index
