"""One pass over a text that finds its facts (`facts` says which)."""

import regex

from app.capsule import lexicon, patterns
from app.capsule.amounts import Unit, counted_end, currency_of, unit_after
from app.capsule.cjk import cjk_facts
from app.capsule.facts import Fact, Kind
from app.capsule.language import Language, guess_language
from app.capsule.moments import read_date, read_time, read_wide_date, read_wide_time
from app.capsule.names import NameFinder
from app.capsule.values import ascii_digits, counted_key, date_key, normalise, number_key, unit_of


def find_facts(text: str, language: Language | None = None) -> list[Fact]:
    """The facts of `text` in order of their place. Spans do not overlap. `language` is guessed where left out."""
    return _Scanner(text, language or guess_language(text)).scan()


_LONGEST_QUOTE = 80  # characters; a longer quotation is speech, whose sentences count by their facts
_WORDS_OF_NOTE = lexicon.ONES | lexicon.SHARE_WORDS | lexicon.ORDINALS | lexicon.NUMBER_WORDS.keys()
_DIGIT = regex.compile(r"\d")
_LETTER = regex.compile(r"\p{L}")
_BEFORE_DIGITS = "€£$¥￥+-−± \u00a0\u202fABCDEFGHIJKLMNOPQRSTUVWXYZ"
_TOKEN_DRESS = "'’-=&+:~"  # marks inside of a word, no secret  # noqa: S105 # nosec B105
_ORDINAL_ENDINGS = frozenset({"st", "nd", "rd", "th", "er", "ème", "e", "º", "ª"})
_LONGEST_INDENT = 40  # characters before the number of a list's item
_FIRST_WIDE = "\u2e80"  # from here on scripts have no spaces between words


class _Scanner:
    """One pass over a text. `reach`: where the next fact may begin."""

    def __init__(self, text: str, language: Language) -> None:
        self.text = text
        self.language = language
        self.names = NameFinder(text, language)
        self.facts: list[Fact] = []
        self.reach = 0
        self.closing_quote = -1
        self.words_of_note = _WORDS_OF_NOTE | lexicon.month_words() | lexicon.weekdays().keys()

    def scan(self) -> list[Fact]:
        handlers = {
            "plain": self._plain, "word": self._word, "name": self._name, "number": self._number, "date": self._date,
            "time": self._time, "cjkdate": self._cjk_date, "cjktime": self._cjk_time, "cjk": self._cjk,
            "quote": self._quote, "url": self._url,
        }  # fmt: skip
        search, text = patterns.MASTER.search, self.text
        match = search(text)
        while match is not None:
            self.reach = match.end()
            kind = match.lastgroup
            handler = handlers.get(kind or "")
            if handler:
                handler(match)
            else:
                self._add(kind, match.start(), match.end(), normalise(match.group()))  # type: ignore[arg-type]
            match = search(text, self.reach)
        return self.facts

    def _add(self, kind: Kind, start: int, end: int, key: str, required: bool = True) -> None:
        self.facts.append(Fact(kind, start, end, self.text[start:end], key, required))
        self.reach = max(self.reach, end)

    def _plain(self, match: regex.Match[str]) -> None:
        words = match.group().replace(",", " ").split(" ")
        if self.words_of_note.isdisjoint(words):
            return
        start = match.start()
        for word in words:
            if word in self.words_of_note:
                self._word_of_note(word, start, start + len(word))
            start += len(word) + 1

    def _word_of_note(self, word: str, start: int, end: int) -> None:
        only_in = lexicon.AMBIGUOUS_NUMBER_WORDS.get(word)
        if start < self.reach and self.facts and start < self.facts[-1].end:
            return
        if word in lexicon.NUMBER_WORDS and only_in in (None, "", self.language.code):
            key = number_key(str(lexicon.NUMBER_WORDS[word]), decimal_comma=False)
            self._add_bare(start, end, key)
        elif word in lexicon.SHARE_WORDS:
            self._add_bare(start, end, word)
        elif word in lexicon.ONES:
            one = patterns.ONE.match(self.text, start)
            if one is not None:
                self._add("number", start, one.end(), counted_key("1e0", one.group(1)))
        elif word in lexicon.ORDINALS:
            stop = patterns.MEASURED.match(self.text, end)
            self._add("number", start, stop.end() if stop else end, word, required=stop is not None)
        elif word in lexicon.weekdays():
            self._add("date", start, end, f"weekday {lexicon.weekdays()[word]}")
        elif word in lexicon.month_words():
            self._month(word, start, end)

    def _add_bare(self, start: int, end: int, key: str, kind: Kind = "number") -> None:
        """Take a number without a unit, together with the word behind it that says what is counted."""
        stop = counted_end(self.text, end, self.language)
        self._add(kind, start, stop, counted_key(key, self.text[end:stop]))

    def _month(self, word: str, start: int, end: int) -> None:
        month = lexicon.months()[word]
        after = patterns.DAY_AFTER_MONTH.match(self.text, end)
        if after is None:
            if word in lexicon.month_words():
                self._add("date", start, end, date_key(None, month, None))
            return
        day, year, month_year = after.groups()
        said = int(year or month_year or 0) or None
        if day and not 1 <= int(day) <= 31:
            self._add("date", start, end, date_key(None, month, None))
        else:
            self._add("date", start, after.end(), date_key(said, month, int(day) if day else None))

    def _word(self, match: regex.Match[str]) -> None:
        if match.group().startswith("~"):
            self.reach = match.start() + 1  # about so much: what follows is read by itself
        else:
            self._token(match.group(), match.start())

    def _token(self, token: str, start: int) -> bool:
        """Take a word with inner marks, digits or capitals for what it is. False where it is a plain word."""
        token = token.rstrip(_TOKEN_DRESS)
        if not token.isalpha():
            token, start = _without_elision(token, start)
        end = start + len(token)
        folded = token.casefold()
        if "@" in token[1:] and "." in token:
            self._add("email", start, end, folded)
        elif token.isalpha():
            if folded in self.words_of_note:
                self._word_of_note(folded, start, end)
            elif patterns.CAMEL.search(token) and unit_of(token) is None:
                self._add("identifier", start, end, token)
            else:
                return False
        elif _is_identifier(token):
            self._add("identifier", start, end, normalise(token))
        elif "/" in token and (token.count("/") > 1 or patterns.FILE_EXTENSION.search(token)):
            self._add("path", start, end, token)
        elif "." in token and patterns.FILE_EXTENSION.search(token) and not patterns.ABBREVIATION.match(token):
            self._add("identifier", start, end, folded)
        elif "-" in token and not self.words_of_note.isdisjoint(folded.split("-")):
            self._add("number", start, end, folded)
        else:
            return False
        return True

    def _name(self, match: regex.Match[str]) -> None:
        start, end = match.span()
        token = match.group()
        folded = token.casefold()
        if folded in lexicon.months() and (folded not in ("may", "mar") or self.names.is_inside_sentence(start)):
            after = patterns.DAY_AFTER_MONTH.match(self.text, end)
            if after or folded in lexicon.month_words():
                self._month(folded, start, end)
                return
        if not token.isalpha() and _is_identifier(token) and not token.endswith(("'s", "’s")):
            self._token(token, start)
            return
        if folded in self.words_of_note:
            self._word_of_note(folded, start, end)
            return
        if not token.isalpha() and any(mark in token for mark in "./:") and self._token(token, start):
            return
        name = self.names.name_at(start, end)
        self.reach = max(self.reach, name.reach)
        if name.end > name.start:
            key = normalise(self.text[name.start : name.end]).removesuffix("'s").rstrip("'-.")
            self._add("name", name.start, name.end, key, name.required)

    def _number(self, match: regex.Match[str]) -> None:
        start, end = match.span()
        before = self.text[start - 1 : start]
        if (
            self.text[start].isdigit()
            and before < _FIRST_WIDE
            and (before.isalpha() or before.isdecimal() or before == "_")
        ):
            return
        whole = match.group()
        digits = whole.lstrip(_BEFORE_DIGITS)
        prefix = whole[: len(whole) - len(digits)]
        digits = ascii_digits(digits)
        if (not prefix and self._is_head(start, end, digits)) or self._is_list_mark(start, end):
            return
        currency = currency_of(prefix)
        fraction = self.text[end : end + 1] if self.text[end : end + 1] in patterns.FRACTIONS else ""
        end += len(fraction)
        unit = unit_after(self.text, end, currency)
        second = patterns.RANGE_TO.match(self.text, end) if unit.end == end else None
        if second is not None:
            self._range(start, digits, second, currency)
            return
        key = self._key(digits, unit, negative="-" in prefix or "−" in prefix) + fraction
        if unit.is_said:
            self._add("number", start, unit.end, key)
        else:
            self._add_bare(start, end, key)

    def _is_list_mark(self, start: int, end: int) -> bool:
        """Whether the number only counts the items of a list."""
        if end - start > 2 or self.text[end : end + 1] not in (".", ")"):
            return False
        before = self.text[max(0, start - _LONGEST_INDENT) : start].rstrip(" (#*>\t-")
        return not before or before[-1] in "\r\n"

    def _is_head(self, start: int, end: int, digits: str) -> bool:
        """Take the digits at `start` as the head of a date, an ordinal or an identifier, where they are one."""
        if digits.isdigit() and len(digits) <= 2 and 1 <= int(digits) <= 31 and self._is_day(start, end, int(digits)):
            return True
        following = self.text[end : end + 2]
        is_glued = following[:1] == "_" or (following[:1].isalpha() and following[:1] < _FIRST_WIDE)
        is_joined = following[:1] in "-/.:" and following[1:].isalnum() and following[1:] < _FIRST_WIDE
        if is_glued and unit_after(self.text, end).end > end:
            return False
        is_range = is_joined and digits[0] != "0" and patterns.RANGE_TO.match(self.text, end) is not None
        if not (is_glued or is_joined) or is_range:
            return False
        token = patterns.TOKEN.match(self.text, start)
        if token is None or token.end() <= end:
            return False
        found = token.group().rstrip(_TOKEN_DRESS)
        if found[len(digits) :] in _ORDINAL_ENDINGS:
            self._add_bare(start, start + len(found), f"{digits}o")
        else:
            self._add("identifier", start, start + len(found), normalise(found))
        return True

    def _is_day(self, start: int, end: int, day: int) -> bool:
        """Take a number before the name of a month as a date."""
        match = patterns.MONTH_AFTER_DAY.match(self.text, end)
        month = lexicon.months().get(match.group(1).casefold()) if match else None
        if match is None or month is None:
            return False
        year = match.group(2)
        ends_sentence = self.text[match.end() - 1] == "." and not self.text.startswith(" ", match.end())
        self._add("date", start, match.end() - ends_sentence, date_key(int(year) if year else None, month, day))
        return True

    def _range(self, start: int, digits: str, second: regex.Match[str], currency: str) -> None:
        last = ascii_digits(second.group(1) or second.group(2))
        unit = unit_after(self.text, second.end(), currency)
        key = "..".join(self._key(end, unit) for end in (digits, last))
        if unit.is_said:
            self._add("range", start, unit.end, key)
        else:
            self._add_bare(start, unit.end, key, "range")

    def _key(self, digits: str, unit: Unit, negative: bool = False) -> str:
        decimal_comma = self.language.decimal_comma
        return number_key(digits, power=unit.power, unit=unit.name, negative=negative, decimal_comma=decimal_comma)

    def _date(self, match: regex.Match[str]) -> None:
        found = match.group().rstrip("T")
        key = read_date(found, self.language.code == "en")
        kind: Kind = "identifier" if key is None else "date"
        self._add(kind, match.start(), match.start() + len(found), key or ascii_digits(found))

    def _time(self, match: regex.Match[str]) -> None:
        self._add("time", *match.span(), read_time(match.group()))

    def _cjk_date(self, match: regex.Match[str]) -> None:
        key, is_date = read_wide_date(match.group())
        self._add("date" if is_date else "number", *match.span(), key)

    def _cjk_time(self, match: regex.Match[str]) -> None:
        self._add("time", *match.span(), read_wide_time(match.group()))

    def _cjk(self, match: regex.Match[str]) -> None:
        for kind, start, end, key in cjk_facts(self.text, match.start(), match.end(), self.language.code):
            self._add(kind, start, end, key)

    def _quote(self, match: regex.Match[str]) -> None:
        inside = match.group()[1:-1]
        if match.start() == self.closing_quote:
            self.reach = match.start() + 1
        elif len(inside) > _LONGEST_QUOTE:
            self.facts.append(Fact("quote", *match.span(), match.group(), _quote_key(inside), required=False))
            self.reach, self.closing_quote = match.start() + 1, match.end() - 1
        else:
            self._add("quote", *match.span(), _quote_key(inside))

    def _url(self, match: regex.Match[str]) -> None:
        found = match.group().rstrip(".,;:!?)]}*_")
        self._add("url", match.start(), match.start() + len(found), found.rstrip("/"))
        self.reach = match.start() + len(found)


def _is_identifier(token: str) -> bool:
    if "_" in token or token[:1] in ("@", "#"):
        return True
    return _DIGIT.search(token) is not None and _LETTER.search(token) is not None


def _without_elision(token: str, start: int) -> tuple[str, int]:
    """What an apostrophe parts from an article before it or an ending behind it."""
    head, _, tail = token.replace("’", "'").partition("'")
    if not tail or _DIGIT.search(token):
        return token, start
    return (tail, start + len(head) + 1) if len(head) < len(tail) else (head, start)


def _quote_key(inside: str) -> str:
    return normalise(inside).strip("\"'「」 .,!?;:")
