"""Reads figures: numbers with units, ranges, dates and times of day, each as a key (see values)."""

import re
from dataclasses import dataclass

from app.text.language import Language
from app.text.values import (
    CURRENCIES,
    MAGNITUDES,
    ascii_digits,
    date_key,
    number_key,
    time_key,
    unit_of,
)

_GROUPED = (
    r"\d{1,3}(?:,\d{3}(?!\d))+(?:\.\d{1,30})?|\d{1,2}(?:,\d{2}(?!\d))+,\d{3}(?!\d)"
    r"|\d{1,3}(?:\.\d{3}(?!\d)){2,}(?:,\d{1,30})?|\d{1,3}(?:\.\d{3}(?!\d))+,\d{1,30}"
    r"|\d{1,3}(?:['’\u00a0\u202f\u2009 ]\d{3}(?!\d))+(?:[.,]\d{1,30})?"
)
NUMBER = rf"(?:{_GROUPED}|\d+(?:[.,]\d{{1,30}}(?![.,]?\d))?)"
CURRENCY_CODE = "EUR|USD|GBP|JPY|CHF|CNY|RMB"
CURRENCY_BEFORE = rf"(?:[€$£¥￥]|(?:US|A|C|HK|NZ)\$|(?:{CURRENCY_CODE})(?!\w))"
SIGNED = rf"(?:(?<![\w.,])[+\-−±])?(?:{CURRENCY_BEFORE}[ \u00a0]?)?(?:(?<=[€$£¥￥])[-−])?{NUMBER}"
DATE = (
    r"(?<!\d)\d{4}(?:-\d{1,2}-|/\d{1,2}/|\.\d{1,2}\.)\d{1,2}(?!\d|[-/]\d)"
    r"|(?<![\d.])\d{1,2}(?:-\d{1,2}-|/\d{1,2}/|\.\d{1,2}\.)(?:\d{4}|\d{2})(?![\d\-/]|\.\d)"
)
WIDE_DATE = r"\d{2,4}\s?年(?:\s?\d{1,2}\s?月(?:\s?\d{1,2}\s?[日号])?)?|\d{1,2}\s?月\s?\d{1,2}\s?[日号]"
WIDE_TIME = r"(?:上午|下午|晚上|凌晨|中午|午前|午後)?\d{1,2}\s?[时時点點](?![间間代])(?:\d{1,2}分|半)?"
TIME = (
    r"(?<![\d:.])\d{1,2}:\d{2}(?!\d)(?::\d{2}(?!\d)(?:[.,]\d{1,9})?)?(?!:\d)(?:[ \u00a0]?[aApP]\.?[mM]\b\.?)?"
    r"(?:Z\b|[+\-]\d{2}:?\d{2}(?!\d))?"
    r"|(?<![\d:.,])\d{1,2}(?:\.[0-5]\d)?[ \u00a0]?(?:[aApP]\.?[mM]\b\.?|Uhr\b)|(?<![\d:.,])[0-2]?\d[ \u00a0]?h[ \u00a0]?[0-5]\d\b"
)

_FIGURES = re.compile(r"\d+")
_FRACTIONS = frozenset("¼½¾⅓⅔⅛⅜⅝⅞")
_FIRST_WIDE = "\u2e80"  # scripts from here on have no spaces between words
_LONE_LETTER_UNITS = frozenset("%‰€$£¥￥％°gmlth")
_SIGNS = " \u00a0\u202f+-−±"
_UNIT_AFTER = re.compile(
    r"[ \u00a0\u202f\u2009]?(°[CF]?(?!\w)|[%‰€$£¥￥％℃°]|(?:US|A|C|HK|NZ)\$|per cent|pour cent|por ciento"
    r"|percentage points?|points de pourcentage|puntos porcentuales|[^\W\d_]{1,16}(?:/[a-z]{1,2}(?!\w)|[²³2](?!\w))?\.?)"
)
_SECOND_UNIT = re.compile(r"[ \u00a0\u202f](?:de |d['’]|of )?([%€$£¥]|(?:US|A|C|HK|NZ)\$|[^\W\d_]{1,16})")
_WIDE_UNIT = re.compile(
    r"([千万萬亿億兆]{0,2})((?:平方)?公里|平方米|公斤|千克|毫米|厘米|美元|日元|人民币|ドル|キロ|トン|メートル|グラム"
    r"|[%％元円米克吨升度])?"
)
_RANGE_TO = re.compile(rf"[ \u00a0]?[–—][ \u00a0]?({NUMBER})(?!\w*-\w)|-({NUMBER})(?![\-\w])")

MONTHS: dict[str, int] = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar jänner janvier enero gennaio janeiro januari января",
            "february feb februar février fév febrero febbraio fevereiro februari февраля",
            "march mar märz mars marzo março maart марта",
            "april apr avril abril aprile апреля",
            "may mai mayo maggio maio mei мая",
            "june jun juni juin junio giugno junho июня",
            "july jul juli juillet julio luglio julho июля",
            "august aug août agosto augustus augusti августа",
            "september sep sept septembre septiembre settembre setembro сентября",
            "october oct oktober okt octobre octubre ottobre outubro октября",
            "november nov novembre noviembre novembro ноября",
            "december dec dezember dez décembre diciembre dicembre dezembro декабря",
        ),
        start=1,
    )
    for name in names.split()
}
_MONTH_AFTER_DAY = re.compile(
    r"(?:st|nd|rd|th|er|re|º|ª|\.)?[ \u00a0\-](?:de |of )?([^\W\d_]{3,12})\b\.?(?:(?:,|[ \u00a0](?:de|del))?[ \u00a0\-](\d{4})(?![\d.,]\d|\d))?"
)
_DAY_AFTER_MONTH = re.compile(
    r"\.?[ \u00a0](?:(\d{1,2})(?:st|nd|rd|th)?(?![\d.:]\d|\d|[ \u00a0]?[ap]\.?m)(?:,?[ \u00a0](\d{4})(?![\d.,]\d|\d))?"
    r"|(?:of |de |del )?(\d{4})(?![\d.,]\d|\d))"
)


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure that ends at `end`; `key` as in values."""

    end: int
    key: str


@dataclass(frozen=True, slots=True)
class _Unit:
    """A number's power of ten, its unit (empty for none), and their end in the text."""

    power: int
    name: str
    end: int


def read_number(text: str, start: int, end: int, language: Language) -> Figure:
    """The number with sign, currency and digits at `start` to `end`, including the unit or range after it."""
    matched = text[start:end]
    at = next(place for place, character in enumerate(matched) if character.isdigit())
    prefix, digits = matched[:at], ascii_digits(matched[at:])
    sign = prefix.strip(_SIGNS)
    currency = (unit_of(sign) or unit_of(sign[-1:]) or "") if sign else ""
    fraction = text[end : end + 1] if text[end : end + 1] in _FRACTIONS else ""
    end += len(fraction)
    unit = _unit_after(text, end, currency)
    second = _RANGE_TO.match(text, end) if unit.end == end else None
    if second is not None:
        last = ascii_digits(second.group(1) or second.group(2))
        unit = _unit_after(text, second.end(), currency)
        return Figure(unit.end, "..".join(_key(part, unit, False, language) for part in (digits, last)))
    return Figure(unit.end, _key(digits, unit, "-" in prefix or "−" in prefix, language) + fraction)


def _key(digits: str, unit: _Unit, negative: bool, language: Language) -> str:
    comma = language.decimal_comma
    return number_key(digits, power=unit.power, unit=unit.name, negative=negative, decimal_comma=comma)


def read_date(text: str, language: Language) -> str | None:
    """The key of a date in three figures; None if it is not a date.

    With slashes the month comes first in English, unless that is impossible; otherwise the day comes first.
    """
    first, second, third = _FIGURES.findall(ascii_digits(text))
    year, month, day = (first, second, third) if len(first) == 4 else (third, second, first)
    if len(first) < 4 and "/" in text and (int(second) > 12 or (language.code == "en" and int(first) <= 12)):
        month, day = day, month
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return None
    return date_key(int(year), int(month), int(day))


def read_time(text: str) -> str:
    """The key of a time of day in figures, with am, pm, h or Uhr."""
    folded = ascii_digits(text.casefold())
    hour, *rest = (int(part) for part in _FIGURES.findall(folded.partition("+")[0]))
    half = "pm" if "p" in folded else "am" if "a" in folded else ""
    return time_key(hour, rest[0] if rest else 0, rest[1] if len(rest) > 1 else None, half)


def read_wide_date(text: str) -> str:
    """The key of a Chinese or Japanese date."""
    first, *rest = (int(part) for part in _FIGURES.findall(ascii_digits(text)))
    if "年" not in text:
        return date_key(None, first, rest[0])
    if rest:
        return date_key(first, rest[0], rest[1] if len(rest) > 1 else None)
    return number_key(str(first), decimal_comma=False)


def read_wide_time(text: str) -> str:
    """The key of a Chinese or Japanese time of day."""
    hour, *rest = (int(part) for part in _FIGURES.findall(ascii_digits(text)))
    minute = rest[0] if rest else 30 if text.endswith("半") else 0
    return time_key(hour, minute, None, "pm" if text[:2] in ("下午", "晚上", "午後") else "")


def date_at_day(text: str, start: int, end: int) -> Figure | None:
    """The date that begins with the day at `start` to `end`, as in "14 May 2024"; None if no month follows."""
    day = ascii_digits(text[start:end])
    match = _MONTH_AFTER_DAY.match(text, end) if len(day) <= 2 and day.isdigit() and 1 <= int(day) <= 31 else None
    month = MONTHS.get(match.group(1).casefold()) if match else None
    if match is None or month is None:
        return None
    stop = match.end() if match.group(2) else match.end(1)
    return Figure(stop, date_key(int(match.group(2)) if match.group(2) else None, month, int(day)))


def date_at_month(text: str, word: str, end: int) -> Figure | None:
    """The date whose month name ends at `end`, as in "May 14, 2024" or "May 2024"."""
    month = MONTHS.get(word.casefold())
    match = _DAY_AFTER_MONTH.match(text, end) if month is not None else None
    if match is None or month is None:
        return None
    day, year, month_year = match.groups()
    if day and not 1 <= int(day) <= 31:
        return None
    year_text = year or month_year
    return Figure(match.end(), date_key(int(year_text) if year_text else None, month, int(day) if day else None))


def _unit_after(text: str, end: int, currency: str = "") -> _Unit:
    """The unit of the number whose digits end at `end`; `currency`: the one before them."""
    if text[end : end + 1] >= _FIRST_WIDE:
        return _wide_unit(text, end, currency)
    after = _UNIT_AFTER.match(text, end)
    if after is None:
        return _Unit(0, currency, end)
    is_attached = after.start(1) == end
    tail = text[after.end() : after.end() + 1]
    if is_attached and (tail.isdigit() or tail == "_"):
        return _Unit(0, currency, end)
    word = after.group(1)
    bare = word.rstrip(".")
    stop = after.end() - (len(word) - len(bare))
    folded = bare.casefold()
    if folded in MAGNITUDES and (len(folded) > 1 or is_attached):
        return _with_second(text, _magnitude(text, folded, stop), currency)
    if currency:
        millions = {"m": 6, "M": 6, "b": 9, "B": 9}.get(bare) if is_attached else None
        return _Unit(millions, currency, stop) if millions else _Unit(0, currency, end)
    if len(bare) == 1 and not is_attached and bare not in _LONE_LETTER_UNITS:
        return _Unit(0, "", end)
    unit = unit_of(bare)
    if unit == "%" and text.startswith((" points", " point"), stop):
        unit = "pp"
    return _Unit(0, "", end) if unit is None else _Unit(0, unit, stop)


def _wide_unit(text: str, end: int, currency: str) -> _Unit:
    match = _WIDE_UNIT.match(text, end)
    if match is None or match.end() == end:
        return _Unit(0, currency, end)
    power = sum(MAGNITUDES[character] for character in match.group(1))
    unit = unit_of(match.group(2)) if match.group(2) else None
    return _Unit(power, unit or currency, match.end())


def _magnitude(text: str, folded: str, stop: int) -> _Unit:
    if folded in ("mil", "mille") and text.startswith((" millones", " millions"), stop):
        return _Unit(9, "", stop + len(" millones"))  # Spanish has no separate word for it
    if folded in ("mio", "mrd", "md", "tsd") and text.startswith(".", stop):
        stop += 1
    return _Unit(12 if folded == "billionen" else MAGNITUDES[folded], "", stop)


def _with_second(text: str, magnitude: _Unit, currency: str) -> _Unit:
    """The magnitude with the currency after it: 12 million euros."""
    if currency:
        return _Unit(magnitude.power, currency, magnitude.end)
    second = _SECOND_UNIT.match(text, magnitude.end)
    name = unit_of(second.group(1)) if second else None
    if second is None or name not in CURRENCIES:
        return magnitude
    return _Unit(magnitude.power, name or "", second.end())
