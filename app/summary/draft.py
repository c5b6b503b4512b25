"""Splits a model's completion into sentences and drops those that cannot be part of a summary."""

from collections.abc import Callable, Iterable, Sequence

import regex

from app.summary.check import Claim, Dropped, Judgement, Reason, judge
from app.summary.evidence import Evidence
from app.summary.sentence import sentence_of
from app.text import cues
from app.text.document import Document
from app.text.language import Language, share_in
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
    """Why a piece of a completion cannot be a sentence of a summary; None if it can."""
    features = sentence_of(sentence, document.language)
    if len(features.words) < _FEWEST_WORDS or len(features.content) < 2:
        return "not_a_sentence"
    if sentence.startswith((">", "|")) or sentence.endswith((":", "：", ",", ";")):
        return "not_a_sentence"
    if _foreign_symbols(sentence, document.text):
        return "not_a_sentence"
    if is_courtesy(sentence, document.language) or _SPELT_OUT.search(sentence):
        return "not_a_sentence"
    if repeats(sentence, instructions, document.language):
        return "echo"
    if cues.has("telling", sentence, document.language):
        return "about_the_text"
    return None


def _foreign_symbols(sentence: str, text: str) -> bool:
    """Whether a sentence has pictographs or symbols that the text lacks."""
    return any(symbol not in text for symbol in _SYMBOL.findall(sentence))


def leans(sentence: str, language: Language) -> bool:
    """Whether a sentence refers to the one before it."""
    return any(cues.has(cue, sentence, language) for cue in ("pronoun", "connective", "consequence"))


def repeats(sentence: str, earlier: Sequence[str], language: Language) -> bool:
    """Whether `sentence` repeats one of the `earlier` sentences."""
    content = sentence_of(sentence, language).content
    return any(share_in(content, sentence_of(other, language).content) > _SAME_SENTENCE for other in earlier)


class Repetitions:
    """Filters out repeated claims, and claims that refer to a repeated one.

    `is_repeated` is called with the next claim and the claims kept so far.
    """

    def __init__(self, is_repeated: Callable[[Claim, Sequence[Claim]], bool]) -> None:
        self.kept: list[Claim] = []
        self._is_repeated = is_repeated
        self._is_gap = False

    def objection(self, claim: Claim) -> Reason | None:
        """Why the next claim is not kept; None if it is."""
        if self._is_repeated(claim, self.kept):
            self._is_gap = True
            return "repeated"
        if claim.leans and self._is_gap:
            return "reference"
        self.kept.append(claim)
        self._is_gap = False
        return None


def without_repetitions(
    claims: Iterable[Claim], is_repeated: Callable[[Claim, Sequence[Claim]], bool]
) -> tuple[tuple[Claim, ...], tuple[Dropped, ...]]:
    """The claims that Repetitions keeps, and those that it drops."""
    repetitions = Repetitions(is_repeated)
    objections = [(claim, repetitions.objection(claim)) for claim in claims]
    dropped = tuple(Dropped(claim.text, reason) for claim, reason in objections if reason is not None)
    return tuple(repetitions.kept), dropped


def split_draft(draft: str) -> list[str]:
    """The sentences of a completion, without list marks, emphasis, labels ("Main point:") and invisible characters."""
    pieces = []
    for line in _UNSEEN.sub("", draft).splitlines():
        plain = _LABEL.sub("", _LIST_MARK.sub("", line.strip().replace("**", "")))
        pieces += [plain[span.start : span.end] for span in sentences(plain)]
    return pieces


class Draft:
    """Judges the sentences of a completion in order, while it is streamed or once it is complete.

    `on_claim` is called with each sentence that passes.
    """

    def __init__(
        self,
        evidence: Evidence,
        min_support: float,
        instructions: Sequence[str],
        on_claim: Callable[[Claim], None] | None = None,
    ) -> None:
        self.claims: list[Claim] = []
        self.dropped: list[Dropped] = []
        self._evidence = evidence
        self._min_support = min_support
        self._instructions = instructions
        self._on_claim = on_claim
        self._sentences: list[str] = []
        self._stands = False

    def read(self, text: str) -> None:
        """Judge all sentences so far by the rules alone, except the last, which may be incomplete."""
        for sentence in self.unjudged(split_draft(text)[:-1]):
            self.put(sentence, self.judge(sentence))

    def unjudged(self, sentences: Sequence[str]) -> Sequence[str]:
        """The sentences after those already judged.

        More text may move the end of an earlier sentence, and a retried call starts over: then all are judged again.
        """
        if self._sentences != sentences[: len(self._sentences)]:
            self.claims, self.dropped, self._sentences, self._stands = [], [], [], False
        return sentences[len(self._sentences) :]

    def judge(self, sentence: str) -> Judgement:
        """Judge the next sentence by the rules. It fails if it refers to a sentence that failed."""
        document = self._evidence.document
        reason = well_formed(sentence, document, self._instructions)
        if reason is None and not self._stands and leans(sentence, document.language):
            reason = "reference"
        return judge(sentence, self._evidence, self._min_support) if reason is None else Judgement(0.0, (), reason)

    def put(self, sentence: str, judgement: Judgement) -> None:
        """Record the judgement of the next sentence."""
        self._sentences.append(sentence)
        self._stands = judgement.reason is None
        if judgement.reason is not None:
            self.dropped.append(Dropped(sentence, judgement.reason))
            return
        is_leaning = leans(sentence, self._evidence.document.language)
        claim = Claim(sentence, judgement.support, judgement.units, is_leaning)
        self.claims.append(claim)
        if self._on_claim is not None:
            self._on_claim(claim)
