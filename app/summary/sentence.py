"""The features of a sentence by which it is judged and chosen."""

from functools import cached_property, lru_cache
from itertools import pairwise

from app.text.facts import Fact, find_facts
from app.text.language import Language, content_stems, stems_of, words
from app.text.sentences import sentences

_RECENT = 256  # sentences: those of the summaries in work


class Sentence:
    """A sentence in `language`; each feature is computed on first use."""

    def __init__(self, text: str, language: Language) -> None:
        self.text = text
        self.language = language

    @cached_property
    def words(self) -> list[str]:
        """Its words in small letters."""
        return words(self.text)

    @cached_property
    def content(self) -> list[str]:
        """The stems of its content words, in order."""
        return content_stems(self.words, self.language)

    @cached_property
    def sequence(self) -> list[str]:
        """The stems of all its words, including function words."""
        return stems_of(self.words, self.language)

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """Its pairs of neighbouring stems, in order."""
        return list(pairwise(self.sequence))

    @cached_property
    def facts(self) -> list[Fact]:
        """Its facts, in order."""
        return find_facts(self.text, self.language, self.words)

    @cached_property
    def single(self) -> list["Sentence"]:
        """The single sentences of a piece that may hold several."""
        spans = sentences(self.text)
        if len(spans) == 1 and spans[0].end - spans[0].start == len(self.text):
            return [self]
        return [Sentence(self.text[span.start : span.end], self.language) for span in spans]


@lru_cache(_RECENT)
def sentence_of(text: str, language: Language) -> Sentence:
    """The sentence with its features, which the check, the filter of repetitions and the selection share."""
    return Sentence(text, language)
