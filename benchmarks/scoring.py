"""How a shortened text is scored. None of it uses the service's own fact finder, which is what is under test."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.corpus import Marked

_FIGURE = re.compile(r"\d(?:[\d.,:/\-–]*\d)?")
_CAPITAL = re.compile(r"(?<=[a-zäöüßéèàçñ,] )[A-ZÄÖÜÉÈÀÇÑ][\w\-]+")


@dataclass(frozen=True, slots=True)
class Score:
    """Counts for one text: marked facts present, listed as missing, and neither; made-up tokens; questions answered."""

    present: int
    listed: int
    unseen: tuple[str, ...]
    invented: tuple[str, ...]
    answered: int


def fold(text: str) -> str:
    """`text` without differences of case, width and spacing."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def score(marked: Marked, output: str, missing: Sequence[str] = ()) -> Score:
    """Score `output`, whose maker lists `missing` as left out: a fact is listed if it stands whole in one of them."""
    said, listed = fold(output), [fold(one) for one in missing]
    absent = [fact for fact in marked.facts if fold(fact) not in said]
    unseen = [fact for fact in absent if not any(fold(fact) in one for one in listed)]
    return Score(
        present=len(marked.facts) - len(absent),
        listed=len(absent) - len(unseen),
        unseen=tuple(unseen),
        invented=tuple(invented(marked.text, output)),
        answered=sum(fold(answer) in said for _, answer in marked.questions),
    )


def invented(source: str, output: str) -> list[str]:
    """Figures, and words with a capital inside of a sentence, that do not stand in `source` anywhere."""
    known = fold(source)
    found = [*_FIGURE.findall(output), *_CAPITAL.findall(output)]
    return sorted({token for token in found if fold(token) not in known})
