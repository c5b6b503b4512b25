"""Normal forms of values: numbers, amounts, dates and times are equal if their keys are.

A number's key is its digits without a sign's plus, separators and trailing zeros, then its power of ten, then its unit:
"1,200", "1200" and "1.2 thousand" are `12e2`, "EUR 312.5 million" and "€312.5m" are `3125e5 EUR`. A date's key is
`2025-09-30`, without the parts that are not given (`-09-30`, `2025-09`, `-09`); a time's is `14:35` or `14:35:02`.
"""

import re
import unicodedata

import regex

_ASCII_DIGITS = {
    code: str(digit)
    for code in range(0x80, 0x1FFFF)
    if (digit := unicodedata.digit(chr(code), None)) is not None and unicodedata.category(chr(code)) == "Nd"
}

_OTHER_DIGIT = regex.compile(r"[\p{Nd}--[0-9]]", regex.VERSION1)
_MAYBE_DIGIT = re.compile("[\u0660-\u1c59\ua620-\uabf9\uff10-\uff19\U00010000-\U0010ffff]")
"""All of them stand in these ranges, which `re` searches many times faster."""

_FOLD: dict[str, str] = (
    dict.fromkeys("‐‑‒–—−", "-")
    | dict.fromkeys("’‘`´", "'")
    | dict.fromkeys("“”„«»「」『』", '"')
    | dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff", "")
)
_FOLDED = re.compile(f"[{''.join(_FOLD)}]")

MAGNITUDES: dict[str, int] = {
    word: power
    for power, words in {
        3: "thousand tausend tsd mil mille k 千",
        4: "万 萬",
        6: "million millions millionen millón millones mio mln mn millione milhões miljoner miljoen",
        8: "亿 億",
        9: "billion bn milliarde milliarden mrd milliard milliards md mds miljard miljarder miliardi",
        12: "trillion tn billionen billones 兆",
    }.items()
    for word in words.split()
}

UNITS: dict[str, str] = (
    {
        word: unit
        for unit, words in {
            "%": "% percent prozent pct procent 百分之 ％",
            "pp": "prozentpunkte prozentpunkten pp bps",
            "EUR": "eur € euro euros",
            "USD": "usd $ us$ dollar dollars dólares 美元 ドル",
            "GBP": "gbp £ pound pounds pfund",
            "JPY": "jpy yen 円 日元",
            "CNY": "cny rmb yuan 元 人民币",
            "¥": "¥ ￥",
            "CHF": "chf franken fr. sfr",
            "kg": "kg kilo kilos kilogram kilograms kilogramm kilogrammes kilogramos 公斤 千克 キロ",
            "g": "g gram grams gramm grammes gramos 克 グラム",
            "mg": "mg milligram milligrams milligramm",
            "t": "t tonne tonnes tonnen tons toneladas 吨 トン",
            "km": "km kilometre kilometres kilometer kilometers kilometern kilomètres kilómetros 公里",
            "m": "m metre metres meter meters metern mètre mètres metros 米 メートル",
            "cm": "cm centimetres centimeters zentimeter centimètres centímetros 厘米",
            "mm": "mm millimetres millimeters millimeter millimètres milímetros 毫米",
            "ha": "ha hectare hectares hektar hectáreas 公顷",
            "m²": "m² m2 sqm quadratmeter 平方米",
            "l": "l litre litres liter liters litern litros 升",
            "ml": "ml",
            "°C": "°c ℃ 度",
            "°": "°",
            "°F": "°f",
            "h": "h",
            "min": "min",
            "s": "s",
            "ms": "ms",
        }.items()
        for word in words.split()
    }
    | {
        "per cent": "%",
        "pour cent": "%",
        "por ciento": "%",
        "percentage point": "pp",
        "percentage points": "pp",
        "points de pourcentage": "pp",
        "puntos porcentuales": "pp",
    }
    | {
        unit.casefold(): unit
        for unit in """
    µg μg µm μm nm eV keV MeV GeV mol kW MW GW TW kWh MWh GWh TWh W V A mA kV Hz kHz MHz GHz B kB KB MB GB TB PB KiB MiB GiB TiB kbps Mbps
    Gbps Mbit Gbit mph km/h m/s m³ km² mmHg bar Pa hPa kPa kcal kJ J N dB ppm bpm rpm mmol mEq IU ‰
    """.split()
    }
)

_CASED_UNITS = {"MB": "MB", "Mb": "Mb", "mW": "mW", "MW": "MW", "mA": "mA"}

CURRENCIES = frozenset({"EUR", "USD", "GBP", "JPY", "CNY", "¥", "CHF"})


def ascii_digits(text: str) -> str:
    """`text` with the decimal digits of every script as 0 to 9."""
    return text.translate(_ASCII_DIGITS) if not text.isascii() and _MAYBE_DIGIT.search(text) else text


def known_digits(text: str) -> str:
    """`text` with "x" for each digit of a newer Unicode version that the regex package knows but Python does not."""
    if text.isascii() or not _MAYBE_DIGIT.search(text):
        return text
    return _OTHER_DIGIT.sub(lambda match: match.group() if match.group().isdecimal() else "x", text)


def normalise(text: str) -> str:
    """Fold differences of spelling: width, case, dashes, quotes and runs of spaces."""
    if text.isascii():
        return " ".join(text.casefold().split())
    folded = _FOLDED.sub(lambda match: _FOLD[match.group()], unicodedata.normalize("NFKC", text).casefold())
    return " ".join(ascii_digits(folded).split())


def unit_of(word: str) -> str | None:
    """The unit that `word` stands for; None if it is not a unit."""
    return _CASED_UNITS.get(word) or UNITS.get(word.casefold())


def number_key(digits: str, *, power: int = 0, unit: str = "", negative: bool = False, decimal_comma: bool) -> str:
    """The key of `digits` (with separators) times ten to the `power`, in `unit`.

    A separator is a thousands separator if it occurs more than once, or before one of another kind, or if three digits
    follow and the language uses it so (`decimal_comma`: as in German, not English).
    """
    plain = "".join(c for c in digits if c.isdigit() or c in ".,")
    mark = max(plain.rfind("."), plain.rfind(","))
    fraction = ""
    if mark >= 0 and not _is_grouped(plain, mark, decimal_comma):
        plain, fraction = plain[:mark], plain[mark + 1 :]
    mantissa = (plain.replace(".", "").replace(",", "") + fraction).lstrip("0")
    stripped = mantissa.rstrip("0")
    exponent = power - len(fraction) + len(mantissa) - len(stripped) if stripped else 0
    sign = "-" if negative and stripped else ""
    return f"{sign}{stripped or 0}e{exponent}{' ' if unit else ''}{unit}"


def _is_grouped(plain: str, mark: int, decimal_comma: bool) -> bool:
    """Whether the last separator, at `mark`, is a thousands separator."""
    sign = plain[mark]
    if plain.count(sign) > 1:
        return True
    other = "," if sign == "." else "."
    if other in plain or len(plain) - mark != 4 or plain.startswith("0") or mark > 3:
        return False
    return (sign == ".") == decimal_comma


def date_key(year: int | None, month: int, day: int | None) -> str:
    """The key of a date; year or day may be missing. Years below 100 are in this century or the last."""
    if year is not None and year < 100:
        year += 2000 if year < 70 else 1900
    key = f"{year:04d}-{month:02d}" if year is not None else f"-{month:02d}"
    return key if day is None else f"{key}-{day:02d}"


def implied_keys(key: str) -> list[str]:
    """The keys that a date implies: its month, its day of the month, its year as a number."""
    year, month, *day = key.split("-")
    implied = [f"-{month}", *(f"-{month}-{d}" for d in day)]
    if year:
        implied += [f"{year}-{month}", number_key(year, decimal_comma=False)]
    return implied


def time_key(hour: int, minute: int, second: int | None = None, half: str = "") -> str:
    """The key of a time of day; `half`: `am` or `pm` on a 12-hour clock."""
    if half == "pm" and hour < 12:
        hour += 12
    elif half == "am" and hour == 12:
        hour = 0
    return f"{hour:02d}:{minute:02d}" if second is None else f"{hour:02d}:{minute:02d}:{second:02d}"
