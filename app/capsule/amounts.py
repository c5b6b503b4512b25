"""What stands around the digits of a number: magnitude, unit, currency, what is counted."""

from dataclasses import dataclass

from app.capsule import lexicon, patterns
from app.capsule.language import Language
from app.capsule.values import CURRENCIES, MAGNITUDES, unit_of

_FIRST_WIDE = "\u2e80"  # from here on scripts have no spaces between words
_LONE_LETTER_UNITS = frozenset("%‰€$£¥￥％°gmlth")
_CURRENCY_DRESS = " \u00a0\u202f+-−±"


@dataclass(frozen=True, slots=True)
class Unit:
    """A number's power of ten, its unit (empty for none), and where what says so ends."""

    power: int
    name: str
    end: int

    @property
    def is_said(self) -> bool:
        """Whether there is one."""
        return bool(self.name or self.power)


def currency_of(prefix: str) -> str:
    """The currency in what stands before a number's digits, empty for none."""
    sign = prefix.strip(_CURRENCY_DRESS)
    return (unit_of(sign) or unit_of(sign[-1:]) or "") if sign else ""


def unit_after(text: str, end: int, currency: str = "") -> Unit:
    """The unit of the number whose digits end at `end`; `currency` has been said before them."""
    if text[end : end + 1] >= _FIRST_WIDE:
        return _wide_unit(text, end, currency)
    after = patterns.UNIT_AFTER.match(text, end)
    if after is None:
        return Unit(0, currency, end)
    is_attached = after.start(1) == end
    tail = text[after.end() : after.end() + 1]
    if is_attached and (tail.isdigit() or tail == "_"):
        return Unit(0, currency, end)
    word = after.group(1)
    bare = word.rstrip(".")
    stop = after.end() - (len(word) - len(bare))
    folded = bare.casefold()
    if folded in MAGNITUDES and (len(folded) > 1 or is_attached):
        return _with_second(text, _magnitude(text, folded, stop), currency)
    if currency:
        millions = {"m": 6, "M": 6, "b": 9, "B": 9}.get(bare) if is_attached else None
        return Unit(millions, currency, stop) if millions else Unit(0, currency, end)
    if len(bare) == 1 and not is_attached and bare not in _LONE_LETTER_UNITS:
        return Unit(0, "", end)
    found = unit_of(bare)
    if found == "%" and text.startswith((" points", " point"), stop):
        found = "pp"
    return Unit(0, "", end) if found is None else Unit(0, found, stop)


def _wide_unit(text: str, end: int, currency: str) -> Unit:
    match = patterns.CJK_UNIT.match(text, end)
    if match is None or match.end() == end:
        return Unit(0, currency, end)
    power = sum(MAGNITUDES[c] for c in match.group(1))
    unit = unit_of(match.group(2)) if match.group(2) else None
    return Unit(power, unit or currency, match.end())


def _magnitude(text: str, folded: str, stop: int) -> Unit:
    if folded in ("mil", "mille") and text.startswith((" millones", " millions"), stop):
        return Unit(9, "", stop + len(" millones"))  # Spanish has no word of its own for it
    if folded in ("mio", "mrd", "md", "tsd") and text.startswith(".", stop):
        stop += 1
    return Unit(12 if folded == "billionen" else MAGNITUDES[folded], "", stop)


def _with_second(text: str, magnitude: Unit, currency: str) -> Unit:
    """The currency behind a magnitude: 12 million euros."""
    if currency:
        return Unit(magnitude.power, currency, magnitude.end)
    second = patterns.SECOND_UNIT.match(text, magnitude.end)
    found = unit_of(second.group(1)) if second else None
    if second is None or found not in CURRENCIES:
        return magnitude
    return Unit(magnitude.power, found or "", second.end())


def counted_end(text: str, end: int, language: Language) -> int:
    """The end of a bare number with the word behind it that says what is counted."""
    if text[end : end + 1] >= _FIRST_WIDE:
        wide = patterns.CJK_COUNTED.match(text, end)
        return wide.end() if wide else end
    match = patterns.COUNTED.match(text, end)
    if match is None or match.group(1).casefold() in lexicon.ALL_FUNCTION_WORDS:
        return end
    is_noun = language.code != "de" or match.group(1)[0].isupper()
    return match.end() if is_noun else end
