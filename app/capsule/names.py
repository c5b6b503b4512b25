"""Tell names from words that have a capital for another reason, in scripts that have capitals."""

from dataclasses import dataclass
from functools import cached_property

from app.capsule import lexicon, patterns
from app.capsule.language import Language

_MOST_WORDS = 7
_GERMAN_PARTICLES = frozenset({"von", "van", "zu", "de", "da", "di", "la", "le", "du", "of"})
_LONGEST_HEAD = 20  # characters looked at before a word for the beginning of its sentence


@dataclass(frozen=True, slots=True)
class Name:
    """Where a name stands; empty for none. `reach`: where to look on. `required`: it is one for certain."""

    start: int
    end: int
    reach: int
    required: bool = True


@dataclass(frozen=True, slots=True)
class _Word:
    start: int
    end: int
    text: str

    @property
    def folded(self) -> str:
        return self.text.casefold().replace("’", "'").removesuffix("'s").rstrip(".")


class NameFinder:
    """Names in `text`. Remembers the words of longer names, since the text goes on with one of them alone."""

    def __init__(self, text: str, language: Language) -> None:
        self._text = text
        self._language = language.code
        self._openers = lexicon.FUNCTION_WORDS.get(language.code, lexicon.ALL_FUNCTION_WORDS)
        self._known: set[str] = set()

    def is_inside_sentence(self, start: int) -> bool:
        """Whether the word at `start` is not the first one of a sentence, line, cell or quotation."""
        return patterns.SENTENCE_HEAD.search(self._text[max(0, start - _LONGEST_HEAD) : start]) is None

    def name_at(self, start: int, end: int) -> Name:
        """The name in the run of capitalised words that begins with the word from `start` to `end`."""
        words = self._run(start, end)
        reach = words[-1].end
        is_head = not self.is_inside_sentence(start)
        while words and (words[0].folded in self._openers or words[0].folded in ("i", "i'm", "i've", "i'll", "i'd")):
            words, is_head = words[1:], False
        if not words:
            return Name(reach, reach, reach)
        if is_head and len(words) > 2 and words[0].folded in lexicon.english_words():
            words = words[1:]
        if len(words) > 1:
            self._known.update(word.folded for word in words)
            return Name(words[0].start, reach, reach)
        return self._lone(words[0], is_head, reach)

    def _run(self, start: int, end: int) -> list[_Word]:
        words = [self._word(start, end)]
        while len(words) < _MOST_WORDS and not words[-1].text.endswith(("'s", "’s")):
            following = patterns.NAME_NEXT.match(self._text, words[-1].end)
            if following is None or any(c.isdigit() or c == "_" for c in following["next"]):
                break
            if self._language == "de" and following["particle"] and following["particle"] not in _GERMAN_PARTICLES:
                break
            words.append(self._word(following.start("next"), following.end("next")))
        return words

    def _word(self, start: int, end: int) -> _Word:
        found = self._text[start:end].rstrip("'’-=&:~/\\@#_")
        end = start + len(found)
        abbreviates = len(found) == 1 or found.casefold() in lexicon.TITLES
        if abbreviates and self._text.startswith(". ", end):
            end += 1
        return _Word(start, end, found)

    def _lone(self, word: _Word, is_head: bool, reach: int) -> Name:
        folded = word.folded
        if len(word.text) < 2 or folded in lexicon.TITLES:
            return Name(reach, reach, reach)
        return Name(word.start, reach, reach, self._is_certain(word, folded, is_head))

    def _is_certain(self, word: _Word, folded: str, is_head: bool) -> bool:
        has_inner_capital = word.text[1:] != word.text[1:].lower()
        if has_inner_capital or folded in self._known or folded in lexicon.places():
            return True
        if self._language == "de":
            return self._is_german_name(word, folded, is_head)
        if not is_head:
            return True
        if self._language == "en":
            return not self._is_english_word(folded)
        return word.text in self._capitalised_inside

    def _is_english_word(self, folded: str) -> bool:
        known = lexicon.english_words()
        stems = (
            folded,
            folded.partition("'")[0],
            *folded.split("-")[:1],
            folded.removeprefix("un"),
            folded.removeprefix("re"),
        )
        return any(stem in known for stem in stems)

    def _is_german_name(self, word: _Word, folded: str, is_head: bool) -> bool:
        """Whether a lone word stands as names do: behind a preposition without an article, or oddly spelt."""
        if not folded.isascii() and any(c not in "äöüßabcdefghijklmnopqrstuvwxyz-" for c in folded):
            return True
        if is_head or folded in lexicon.GERMAN_BARE_NOUNS or folded.endswith(tuple(lexicon.NOUN_ENDINGS)):
            return False
        before = patterns.LAST_WORD.search(self._text[max(0, word.start - 24) : word.start])
        return before is not None and before.group(1).casefold() in lexicon.GERMAN_NAME_PREPOSITIONS

    @cached_property
    def _capitalised_inside(self) -> frozenset[str]:
        return frozenset(patterns.CAPITALISED_INSIDE.findall(self._text))
