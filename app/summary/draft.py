"""A draft that a model wrote: its sentences, and which of them are none."""

from collections.abc import Callable, Iterable, Sequence

import regex

from app.summary.check import Claim, Dropped, Reason
from app.text import cues
from app.text.document import Document
from app.text.language import Language, share_in, stems, words
from app.text.sentences import sentences
from app.text.units import is_courtesy

_FEWEST_WORDS = 3
_LIST_MARK = regex.compile(r"\A(?:[-*+•–]|\(?\d{1,2}[.)]|#{1,6})\s+")
_UNSEEN = regex.compile(r"[\p{Cf}--[\u200c\u200d]]|(?<=\p{Latin})[\u200c\u200d](?=\p{Latin})", regex.VERSION1)
_SYMBOL = regex.compile(r"[\p{So}\p{Extended_Pictographic}--\d]", regex.VERSION1)
_SPELT_OUT = regex.compile(
    r"(?<!\w)[\p{Latin}\p{Cyrillic}\p{Greek}](?:[\s\-]+[\p{Latin}\p{Cyrillic}\p{Greek}](?!\w)){3}"
)
_LABEL = regex.compile(r"\A(?:\p{Lu}[\p{L}\-]*+(?:[ ]\p{L}[\p{L}\-]*+){0,2}+)\s?:\s+(?=\S)")
_SAME_SENTENCE = 0.8  # of the stems of the shorter of two sentences that repeat each other


def well_formed(sentence: str, document: Document, instructions: Sequence[str]) -> Reason | None:
    """Why a piece of a completion is no sentence of a summary; None where it is one."""
    found = words(sentence)
    content = stems(sentence, document.language)
    if len(found) < _FEWEST_WORDS or len(content) < 2 or sentence.rstrip()[-1:] in ":：,;" or sentence[0] in ">|":
        return "not_a_sentence"
    if _foreign_symbols(sentence, document.text):
        return "not_a_sentence"
    if is_courtesy(sentence, document.language) or _SPELT_OUT.search(sentence):
        return "not_a_sentence"
    if any(share_in(content, stems(one, document.language)) > _SAME_SENTENCE for one in instructions):
        return "echo"
    if cues.has("telling", sentence, document.language):
        return "about_the_text"
    return None


def _foreign_symbols(sentence: str, text: str) -> bool:
    """Whether a sentence has pictures or signs that the text lacks."""
    return any(symbol not in text for symbol in _SYMBOL.findall(sentence))


def leans(sentence: str, language: Language) -> bool:
    """Whether a sentence goes on from the one before it."""
    return any(cues.has(cue, sentence, language) for cue in ("pronoun", "connective", "consequence"))


def repeats(sentence: str, earlier: Sequence[str], language: Language) -> bool:
    """Whether `sentence` says again what one of the `earlier` ones says."""
    content = stems(sentence, language)
    return any(share_in(content, stems(one, language)) > _SAME_SENTENCE for one in earlier)


def without_repetitions(
    claims: Iterable[Claim], is_repeated: Callable[[Claim, Sequence[Claim]], bool]
) -> tuple[tuple[Claim, ...], tuple[Dropped, ...]]:
    """The claims that are kept, and what is dropped: repetitions, and claims that go on from one that is dropped.

    `is_repeated` is asked with the claims that are kept so far.
    """
    kept: list[Claim] = []
    dropped: list[Dropped] = []
    is_gap = False
    for claim in claims:
        if is_repeated(claim, kept):
            dropped.append(Dropped(claim.text, "repeated"))
            is_gap = True
        elif claim.leans and is_gap:
            dropped.append(Dropped(claim.text, "reference"))
        else:
            kept.append(claim)
            is_gap = False
    return tuple(kept), tuple(dropped)


def split_draft(draft: str) -> list[str]:
    """The sentences of a completion, without list marks, emphasis, labels ("Main point:") and what is not seen."""
    found = []
    for line in _UNSEEN.sub("", draft).splitlines():
        plain = _LABEL.sub("", _LIST_MARK.sub("", line.strip().replace("**", "")))
        found += [plain[span.start : span.end] for span in sentences(plain)]
    return found
