"""Splits a document into parts that fit the context window."""

import math
from collections.abc import Callable

from app.engine.client import Prompt
from app.text.document import Document
from app.text.tokens import LARGEST_PIECE_TOKENS, estimate_tokens, running_totals

LEAST_PART_TOKENS = 64
_MARGIN = 0.9  # estimates of a prompt may be this far off before the engine refuses it
_TEMPLATE_TOKENS = 32  # a chat template's marks around two messages, generously


def part_budget(num_ctx: int, make_prompt: Callable[[str], Prompt], num_predict: int) -> int:
    """Most estimated tokens of a part such that prompt and completion together fit `num_ctx`."""
    frame = make_prompt("")
    around = estimate_tokens(frame.system) + estimate_tokens(frame.user) + _TEMPLATE_TOKENS
    return max(LEAST_PART_TOKENS, int(_MARGIN * (num_ctx - around - num_predict)))


def parts(document: Document, budget: int) -> list[str]:
    """The text in parts of at most `budget` estimated tokens, of similar size, each of whole units.

    Only a unit that is larger than the budget is cut. Joined, the parts are the text, apart from white space at their
    ends.
    """
    if 2 * document.tokens <= budget:  # the sum below is not more: each unit has a token and adds one
        return [document.text.strip()]
    total = sum(document.costs) + len(document.units)
    if total <= budget:
        return [document.text.strip()]
    aim = math.ceil(total / math.ceil(total / budget))
    pieces: list[str] = []
    start, end, size = 0, 0, 0
    for unit, cost in zip(document.units, document.costs, strict=True):
        if size and (size + cost > budget or size >= aim):
            pieces += _pieces(document.text[start:end], budget)
            start, size = unit.start, 0
        end, size = unit.end, size + cost + 1
    return [*pieces, *_pieces(document.text[start:], budget)]


def _pieces(text: str, budget: int) -> list[str]:
    """`text` as one piece, or cut at the budget if it is larger: then it is a single unit."""
    stripped = text.strip()
    budget = max(budget, LARGEST_PIECE_TOKENS)
    if estimate_tokens(stripped) <= budget:
        return [stripped] if stripped else []
    ends, totals = running_totals(stripped)
    pieces, start, spent = [], 0, 0
    for at in range(1, len(ends)):
        if totals[at] - spent > budget:
            pieces.append(stripped[start : ends[at - 1]])
            start, spent = ends[at - 1], totals[at - 1]
    return [*pieces, stripped[start:]]
