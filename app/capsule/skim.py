"""What a model has to read of a text to say what it is about.

Facts come back from the text itself, so the model only writes the sentence that connects them, and reading takes an
engine most of its time. Authors say at the head of a paragraph what it is about: people skim first sentences.
"""

from app.capsule.chunking import units
from app.capsule.tokens import estimate_tokens

LEAST_TOKENS = 96
"""A text up to this is read whole: there is too little to save."""


def skim(text: str, share: float) -> str:
    """The first sentence or line of each paragraph of `text`, then the second ones and so on, as many as are within
    `share` of its tokens or LEAST_TOKENS, one at least, in the text's order.
    """
    tokens = estimate_tokens(text)
    room = max(LEAST_TOKENS, int(share * tokens))
    if tokens <= room:
        return text
    said: list[str] = []
    ranked: list[tuple[int, int]] = []
    rank = 0
    for at, unit in enumerate(units(text)):
        said.append(text[unit.start : unit.end])
        is_blank = said[-1].isspace()
        if not is_blank:
            ranked.append((rank, at))
        rank = 0 if is_blank else rank + 1
    taken: list[int] = []
    for _, at in sorted(ranked):
        room -= estimate_tokens(said[at])
        if room < 0 and taken:
            break
        taken.append(at)
    return "".join(_with_space(said[at]) for at in sorted(taken)).rstrip()


def _with_space(said: str) -> str:
    return said if said[-1].isspace() else f"{said} "
