"""Whether a sentence is put together of nothing but the words of a source.

A model that obeys what a text commands, or makes something up, needs words that the text does not have; one that sums
it up needs few. So every word of meaning must be the source's, up to its ending, but for the few with which a
summary speaks of its text; each must stand beside a word that it stands beside in the source, in that order; and no run
of words may be the system prompt's.
"""

from bisect import bisect_right
from collections import defaultdict
from functools import cache, lru_cache
from itertools import pairwise

import regex

from app.capsule.lexicon import ALL_FUNCTION_WORDS, TELLING_WORDS, WEIGHTY_WORDS
from app.capsule.prompts import SYSTEM_PROMPTS
from app.capsule.values import normalise

_WORD = regex.compile(r"[^\W_]++")
_SPACED = regex.compile(r"[\w--[_\p{Han}\p{Hiragana}\p{Katakana}ー]]++", regex.VERSION1)
_CJK = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}ー]++")
_STEM = 5  # letters; inflected forms of a word mostly share that many
_SHORTEST_STEM = 3
_LONGEST_ENDING = 4
_ENDING = regex.compile(r"(?:ings?|ed|es|e[nrd]?|s|d|n)\Z")
# Letters one by one, which may spell any word.
_SPELT = regex.compile(r"(?<!\w)\w(?:[\W_]{1,3}\w(?!\w)){2,}+")
# A word joined to another by what only code and addresses are written with.
_JOINED = regex.compile(r"\w[(){}\[\]<>=/\\|@&$#_~^]++[\w(){}\[\]]")
# Symbols, pictures and what is not seen at all; words and punctuation are left.
_SIGN = regex.compile(r"[\p{S}\p{C}--[\n\r\t]]", regex.VERSION1)
_CJK_GLUE = frozenset("的了在是和与與及为為将將被已由以从從到对對向把并其该該这這那而于等也都就之はがをにでとのもへや")
"""Characters that only hold words together."""
_CJK_GRAMMAR = """
    している していた しました しています された される されて なった なって なり です でした である だった ます ました
    ません した して する こと もの ため から まで より など について によって として における とともに という では には
    とは での への のは のが のを のに られる られて られた います いる いた ある あった れる れた
    """
"""Endings and particles that a summary may put where the source has others."""
_REACH = 6  # words; what a summary leaves out between two of a source's mostly is no more
_MOST_NEW_PAIRS = 0.25  # of a sentence's pairs of Chinese or Japanese characters
_NEW_CJK_WORD = 3  # new pairs in a row; a known word put beside another makes one
_PROMPT_RUN = 3  # words


def word_sequence(text: str) -> str:
    """The words of `text`, folded, each with a space on either side, to look for a run of words in."""
    return _in_sequence(normalise(text))


def _in_sequence(folded: str) -> str:
    return f" {' '.join(_WORD.findall(folded))} "


def stems(text: str) -> set[str]:
    """What the words of meaning in `text` begin with; of scripts without spaces, each two neighbouring characters."""
    folded = normalise(text)
    found = {_stem(word) for word in _WORD.findall(folded) if len(word) > 2 and _means_something(word)}
    for run in _runs(folded):
        found.update(_pairs(run))
        found.discard(_stem(run))
    return found


def _runs(folded: str) -> list[str]:
    """The runs of Chinese and Japanese characters."""
    return [] if folded.isascii() else _CJK.findall(folded)


def _means_something(word: str) -> bool:
    return word not in ALL_FUNCTION_WORDS and not word.isdigit()


def _stem(word: str) -> str:
    return word[:_STEM] if len(word) > _STEM + _LONGEST_ENDING else _stem_of_short(word)


@lru_cache(8192)  # a language's common words; each text has them all again
def _stem_of_short(word: str) -> str:
    ending = _ENDING.search(word)
    return word[:_STEM] if ending is None else word[: max(_SHORTEST_STEM, ending.start())][:_STEM]


def _pairs(run: str) -> list[str]:
    return [run[at : at + 2] for at in range(len(run) - 1)]


def _joined(folded: str) -> list[str]:
    return [token.strip("*`\"'.,;:!?()[]") for token in folded.split() if _JOINED.search(token)]


@cache
def _grammar_pairs() -> frozenset[str]:
    return frozenset(pair for ending in _CJK_GRAMMAR.split() for pair in _pairs(ending))


class Wording:
    """The words, pairs of characters and signs of a source, and where its words stand.

    `sequence`: its words in order, as `word_sequence` has them.
    """

    def __init__(self, text: str) -> None:
        folded = normalise(text)
        self._folded = folded
        self.sequence = _in_sequence(folded)
        words = _SPACED.findall(folded)
        self._words = set(words)
        self._places: dict[str, list[int]] = defaultdict(list)
        for place, word in enumerate(words):
            self._places[_stem(word)].append(place)
        self._followed: dict[tuple[str, str], bool] = {}
        self._pairs = {pair for run in _runs(folded) for pair in _pairs(run)}
        self._characters = set(text)

    def covers(self, sentence: str, unchecked: str) -> bool:
        """Whether `sentence` has no word, sign or spelling that the source lacks, and nothing of a system prompt.

        `unchecked`: the sentence without what need not be spelt as in the source.
        """
        folded, rest = normalise(sentence), normalise(unchecked)
        return (
            all(self._has(word) for word in _SPACED.findall(rest))
            and all(run in self._folded for run in (*_SPELT.findall(folded), *_joined(rest)))
            and set(_SIGN.findall(unchecked)) <= self._characters
            and self._has_cjk(folded)
            and not self._quotes_prompt(_SPACED.findall(folded))
        )

    def joins(self, sentence: str, unchecked: str) -> bool:
        """Whether each word of meaning in `sentence` follows or precedes one of its neighbours in the source as well.

        The few words around a lone one must stand there to the letter. `unchecked` as in `covers`.
        """
        words = _SPACED.findall(normalise(sentence))
        meant = [_stem(word) for word in words if word not in ALL_FUNCTION_WORDS and _stem(word) in self._places]
        if len(meant) < 2:
            return not set(words) & TELLING_WORDS if not meant else word_sequence(unchecked) in self.sequence
        follows = [False, *(self._follows(one, other) for one, other in pairwise(meant)), False]
        return all(before or behind for before, behind in pairwise(follows))

    def _has(self, word: str) -> bool:
        """Whether the source says `word`, or it is one that says nothing of its own."""
        if word in self._words or word in TELLING_WORDS or word.isdigit():
            return True
        if word in ALL_FUNCTION_WORDS:
            return word not in WEIGHTY_WORDS
        return len(word) > 2 and _stem(word) in self._places

    def _follows(self, one: str, other: str) -> bool:
        """Whether the source has `other` some few words behind `one`."""
        known = self._followed.get((one, other))
        if known is None:
            places = self._places[other]
            behind = ((place, bisect_right(places, place)) for place in self._places[one])
            known = any(at < len(places) and places[at] - place <= _REACH for place, at in behind)
            self._followed[one, other] = known
        return known

    def _has_cjk(self, folded: str) -> bool:
        """Whether no run of new pairs makes a word, the borders of a run of characters counting as new."""
        new = all_pairs = 0
        for run in _runs(folded):
            if len(run) == 1 and run not in _CJK_GLUE and run not in self._folded:
                return False
            length = 1
            for pair in _pairs(run):
                is_known = pair in self._pairs or pair in _grammar_pairs() or set(pair) <= _CJK_GLUE
                all_pairs += 1
                new += not is_known
                length = 0 if is_known else length + 1
                if length >= _NEW_CJK_WORD:
                    return False
            if length + 1 >= _NEW_CJK_WORD and len(run) > 1:
                return False
        return new <= _MOST_NEW_PAIRS * all_pairs

    def _quotes_prompt(self, words: list[str]) -> bool:
        runs = {" ".join(words[at : at + _PROMPT_RUN]) for at in range(len(words) - _PROMPT_RUN + 1)}
        return any(f" {run} " not in self.sequence for run in runs & _prompt_runs())


@cache
def _prompt_runs() -> frozenset[str]:
    """Each run of words in a system prompt in which two mean something."""
    found = set()
    for prompt in SYSTEM_PROMPTS:
        words = word_sequence(prompt).split()
        for at in range(len(words) - _PROMPT_RUN + 1):
            run = words[at : at + _PROMPT_RUN]
            if sum(_means_something(word) for word in run) > 1:
                found.add(" ".join(run))
    return frozenset(found)
