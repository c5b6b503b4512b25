"""Which language a text is in, and its words: function words, stems, tokens for comparing two texts."""

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import pairwise
from typing import NamedTuple

import Stemmer

FUNCTION_WORDS: dict[str, frozenset[str]] = {
    code: frozenset(words.split())
    for code, words in {
        "en": """a an the this that these those it its he she they we you i his her hers our your their my me him them us
        mine yours ours theirs myself himself herself itself themselves in on at by for from to of with within into onto
        upon about as and or nor so yet if when while because although though whereas whether unless once than then there
        here what which who whom whose where why how not no yes is are was were be been being am has have had having do
        does did doing will would can could may might must shall should each every some any such same own only just also
        too very even still already ever let s t don ll ve re d m isn aren wasn weren hasn haven hadn doesn didn won
        wouldn couldn shouldn can't cannot however therefore thus hence moreover furthermore meanwhile""",
        "de": """der die das den dem des ein eine einen einem einer eines und oder aber denn sondern doch wenn weil dass
        daß ob als wie da während obwohl nachdem bevor damit sodass falls sofern in im an am auf aus bei beim von vom zu
        zum zur mit nach für über unter vor um ich du er sie es wir ihr mich dich sich uns euch mir dir ihm ihn ihnen
        mein meine dein sein seine seiner seinen seinem ihre ihren ihrem ihrer unser unsere euer dieser diese dieses
        diesen diesem jener jede jeder jedes ist sind war waren bin bist sei seien wäre hat haben hatte hatten wird
        werden wurde wurden worden würde würden kann können konnte konnten muss müssen musste soll sollen sollte will
        wollen darf dürfen nicht auch noch schon so sehr nur man wo wer was welche welcher welches dann dort hier""",
        "fr": """le la les l un une des du de d au aux ce cet cette ces c mon ton son ma ta sa mes tes ses notre votre leur
        nos vos leurs je j tu il elle on nous vous ils elles me te se s lui y en qui que qu quoi dont où et ou mais donc
        ni car si quand lorsque comme puisque parce afin pour par avec sur dans chez entre vers depuis pendant ne n pas
        est sont était étaient être été a ont avait avaient avoir eu sera seront fait plus aussi très""",
        "es": """el la los las un una unos unas lo al del de y e o u pero sino que quien quienes cual cuales cuyo cuando
        como donde si porque aunque mientras por para con en entre hacia desde hasta sobre se su sus mi mis tu tus nos
        nuestro nuestra le les me te yo él ella ellos ellas nosotros usted ustedes esto este esta estos estas ese esa eso
        esos esas aquel es son era eran fue fueron ser sido ha han había haber está están estaba no ni ya muy más también""",
        "it": """il lo la i gli le un uno una di del dello della dei degli delle a al allo alla ai agli alle da dal dalla
        in nel nella nei nelle su sul sulla con per tra fra e ed o ma che chi cui come quando dove perché se non è sono
        era erano essere stato stata ha hanno aveva avere si ci vi ne mi ti lui lei noi voi loro suo sua suoi sue questo
        questa questi queste quello quella anche più molto""",
        "pt": """o a os as um uma uns umas de do da dos das em no na nos nas por pelo pela para com sem e ou mas que quem
        qual quando como onde porque se não é são era eram foi foram ser sido há tem têm tinha ter está estão ele ela
        eles elas nós você vocês eu me te lhe seu sua seus suas este esta isto esse essa isso aquele também mais muito""",
        "nl": """de het een en of maar want dat die dit deze in op aan van voor met bij naar uit over door om te als dan
        toen omdat hoewel terwijl is zijn was waren wordt worden werd werden heeft hebben had hadden kan kunnen zal zou
        moet niet ook nog wel er hij zij ze wij we jij je u ik hem haar hun ons mijn jouw hier daar wie wat waar""",
        "sv": """en ett den det de och eller men att som är var i på av för med till från om när där han hon vi ni jag
        sig sin sitt sina har hade ska skulle kan inte också mycket""",
        "pl": """i w z na do się nie to że jest są był była było być o od za po przez dla oraz ale lub czy jak ten ta te
        tego tej który która które jego jej ich co już tylko także""",
        "tr": """ve bir bu için ile de da olarak olan daha çok en ama veya ki gibi kadar sonra önce ise mi değil var yok
        o şu ne her""",
        "ru": """и в во не что он на я с со как а то все она так его но да ты к у же вы за бы по только ее её мне было
        вот от меня еще нет о из ему теперь когда даже ну ли если уже или ни быть был него до вас нибудь вам ведь там
        потом себя ничего ей может они тут где есть надо ней для мы тебя их чем была сам чтоб без будто чего раз тоже
        под будет при это этот эта эти""",
        "uk": """і в у не що він на я з як а то все вона так його але та ти до же ви за би по тільки її мені було від
        це цей ця ці які який є для ми їх""",
        "hi": """का के की को में है हैं था थी थे और से पर यह वह ये वे ने भी तो ही कि जो एक हो गया गई गए कर रहा रहे रही
        इस उस अपने नहीं""",
        "ar": """في من على إلى عن أن إن هو هي هم كان كانت هذا هذه ذلك التي الذي ما لا لم لن قد كل بعد قبل عند مع أو و ثم""",
    }.items()
}

_LANGUAGES_OF: dict[str, list[str]] = {}
for _code, _known in FUNCTION_WORDS.items():
    for _word in _known:
        _LANGUAGES_OF.setdefault(_word, []).append(_code)

_NAMES = {
    "en": "English", "de": "German", "fr": "French", "es": "Spanish", "it": "Italian", "pt": "Portuguese", "nl": "Dutch",
    "sv": "Swedish", "pl": "Polish", "tr": "Turkish", "ru": "Russian", "uk": "Ukrainian", "hi": "Hindi", "ar": "Arabic",
    "zh": "Chinese", "ja": "Japanese", "ko": "Korean", "el": "Greek", "he": "Hebrew", "th": "Thai",
}  # fmt: skip
_ALGORITHMS = {
    "en": "english", "de": "german", "fr": "french", "es": "spanish", "it": "italian", "pt": "portuguese",
    "nl": "dutch", "sv": "swedish", "ru": "russian", "tr": "turkish", "ar": "arabic", "hi": "hindi", "el": "greek",
}  # fmt: skip
_SCRIPTS = (
    ("ja", re.compile("[\u3040-\u30ff]")),
    ("ko", re.compile("[\uac00-\ud7af]")),
    ("zh", re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")),
    ("el", re.compile("[\u0370-\u03ff]")),
    ("he", re.compile("[\u0590-\u05ff]")),
    ("th", re.compile("[\u0e00-\u0e7f]")),
)
_BEYOND_LATIN = re.compile("[\u0370-\u03ff\u0590-\u05ff\u0e00-\u0e7f\u3040-\ud7af]")
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0903\u093a-\u094f\u0962\u0963\u0981-\u0983\u09bc-\u09cd"
_PLAIN_WORD = re.compile(r"[a-z0-9]+")
_LETTERS = re.compile(r"[^\W_]+")
_BEYOND_LETTERS = re.compile(rf"[{_UNSPACED}{_MARKS}]")
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}](?:[^\W_{_UNSPACED}]|[{_MARKS}])*")
_SAMPLE_CHARACTERS = 2000
_DECIMAL_COMMA = re.compile(r"(?<![\d.,])\d{1,3},\d{1,2}(?![\d,.]\d|\d)")
_DECIMAL_POINT = re.compile(r"(?<![\d.,])\d{1,3}\.\d{1,2}(?![\d,.]\d|\d)")


class Language(NamedTuple):
    """`code`: ISO 639-1, empty if it is not known. `decimal_comma`: it writes 3,2 for 3.2.

    A tuple, because it is part of the keys of many caches and a dataclass takes ten times as long to hash.
    """

    code: str
    decimal_comma: bool = False

    @property
    def name(self) -> str | None:
        """The language's English name, None if it is not known."""
        return _NAMES.get(self.code)

    @property
    def is_unspaced(self) -> bool:
        """Whether its words are written without spaces between them."""
        return self.code in ("zh", "ja", "th")

    @property
    def function_words(self) -> frozenset[str]:
        """Words that say nothing by themselves."""
        return FUNCTION_WORDS.get(self.code, FUNCTION_WORDS["en"])


def words(text: str) -> list[str]:
    """The words of `text` in lower case; in scripts without spaces each character is one."""
    lowered = text.lower()
    if text.isascii():
        return _PLAIN_WORD.findall(lowered)
    return _WORD.findall(lowered) if _BEYOND_LETTERS.search(lowered) else _LETTERS.findall(lowered)


def guess_language(text: str) -> Language:
    """The language of `text` by its script, or its function words, in the first 2,000 characters."""
    sample = text[:_SAMPLE_CHARACTERS]
    sample_words = words(sample)
    if _BEYOND_LATIN.search(sample):
        letters = sum(map(str.isalpha, sample))
        for code, script in _SCRIPTS:
            if len(script.findall(sample)) * 4 > letters:
                return Language(code)
    votes: Counter[str] = Counter()
    for word, count in Counter(sample_words).items():
        for code in _LANGUAGES_OF.get(word, ()):
            votes[code] += count
    best = max(votes, key=votes.__getitem__, default="en")
    if votes[best] * 10 >= len(sample_words) and votes[best]:
        return Language(best, best not in ("en", "hi", "ar") and not _writes_points(sample))
    return Language("", len(_DECIMAL_COMMA.findall(sample)) > len(_DECIMAL_POINT.findall(sample)))


def _writes_points(sample: str) -> bool:
    """Whether the figures contradict the language: Mexican Spanish and Swiss German have decimal points."""
    return len(_DECIMAL_POINT.findall(sample)) > 2 * len(_DECIMAL_COMMA.findall(sample))


@cache
def _stemmer(code: str) -> Stemmer.Stemmer | None:
    return Stemmer.Stemmer(_ALGORITHMS[code]) if code in _ALGORITHMS else None


@lru_cache(16_384)
def _stem(word: str, code: str) -> str:
    stemmer = _stemmer(code)
    return stemmer.stemWord(word) if stemmer else word[:6]


def stems(text: str, language: Language) -> list[str]:
    """The stems of the content words of `text`, in order, repeated as often as they stand there.

    Snowball's stemmer of the language if there is one, else the first six letters. In a script without spaces the pairs
    of neighbouring characters take the place of stems.
    """
    return content_stems(words(text), language)


def all_stems(text: str, language: Language) -> list[str]:
    """The stems of all words of `text`, in order; its characters in a script without spaces."""
    return stems_of(words(text), language)


def stems_of(text_words: list[str], language: Language) -> list[str]:
    """The stem of each word; the words themselves in a script without spaces."""
    return text_words if language.is_unspaced else [_stem(word, language.code or "en") for word in text_words]


def content_stems(text_words: list[str], language: Language) -> list[str]:
    """The stems of a text by its words, as `stems` has them."""
    if language.is_unspaced:
        return [first + second for first, second in pairwise(text_words)] or text_words
    ignored, code = language.function_words, language.code or "en"
    return [_stem(word, code) for word in text_words if word not in ignored]


def share_in(part: Sequence[str], whole: Sequence[str]) -> float:
    """The share of the stems of `part` that `whole` has."""
    known = set(whole)
    return sum(stem in known for stem in part) / len(part) if part else 0.0
