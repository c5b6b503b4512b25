"""Keys of dates and times of day as they stand in a text."""

import regex

from app.capsule.values import ascii_digits, date_key, number_key, time_key

_FIGURES = regex.compile(r"\d+")


def read_date(found: str, is_english: bool) -> str | None:
    """The key of a date in three figures, None where it can't be one.

    Between slashes English has the month first, unless that can't be; otherwise the day comes first.
    """
    one, two, three = _FIGURES.findall(ascii_digits(found))
    year, month, day = (one, two, three) if len(one) == 4 else (three, two, one)
    if len(one) < 4 and "/" in found and (int(two) > 12 or (is_english and int(one) <= 12)):
        month, day = day, month
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return None
    return date_key(int(year), int(month), int(day))


def read_time(found: str) -> str:
    """The key of a time of day in figures, with am, pm, h or Uhr."""
    folded = ascii_digits(found.casefold())
    hour, *rest = (int(part) for part in _FIGURES.findall(folded.partition("+")[0]))
    half = "pm" if "p" in folded else "am" if "a" in folded else ""
    return time_key(hour, rest[0] if rest else 0, rest[1] if len(rest) > 1 else None, half)


def read_wide_date(found: str) -> tuple[str, bool]:
    """The key of a Chinese or Japanese date, and whether it is more than a year."""
    first, *rest = (int(part) for part in _FIGURES.findall(ascii_digits(found)))
    if "年" not in found:
        return date_key(None, first, rest[0]), True
    if rest:
        return date_key(first, rest[0], rest[1] if len(rest) > 1 else None), True
    return number_key(str(first), decimal_comma=False), False


def read_wide_time(found: str) -> str:
    """The key of a Chinese or Japanese time of day."""
    hour, *rest = (int(part) for part in _FIGURES.findall(ascii_digits(found)))
    minute = rest[0] if rest else 30 if found.endswith("半") else 0
    return time_key(hour, minute, None, "pm" if found[:2] in ("下午", "晚上", "午後") else "")
