"""Facts of a text: which are found, of which kind, and which spellings of one are equal by value."""

import pytest
from hypothesis import given

from app.text.facts import Fact, find_facts
from app.text.language import Language, guess_language
from tests.unit.strategies import ANY

EN = "The report says that it was so and that it is as it has been for them: "
DE = "Der Bericht sagt, dass es so war und dass es auch nicht mehr wird: "
FR = "Le rapport dit que ce fut ainsi et que cela est dans les mains de la ville : "
ES = "El informe dice que fue así y que la ciudad lo tiene en sus manos: "


def facts(text: str) -> list[Fact]:
    return find_facts(text, guess_language(text))


def facts_in(text: str) -> list[tuple[str, str]]:
    """Kind and text of each fact."""
    return [(fact.kind, text[fact.start : fact.end]) for fact in facts(text)]


def keys(text: str, code: str) -> list[str]:
    return [fact.key for fact in find_facts(text, Language(code, decimal_comma=code not in ("en", "zh", "ja")))]


@pytest.mark.parametrize(
    ("text", "kind", "fact"),
    [
        (EN + "it rose 3.2% then", "number", "3.2%"),
        (EN + "it cost EUR 312.5 million then", "number", "EUR 312.5 million"),
        (EN + "it cost €1,200.50 then", "number", "€1,200.50"),
        (EN + "it cost US$5m then", "number", "US$5m"),
        (EN + "it weighs 15 kg now", "number", "15 kg"),
        (EN + "it weighs 3½ kg now", "number", "3½ kg"),
        (EN + "it fell to -4.5 °C at night", "number", "-4.5 °C"),
        (EN + "some 1,200 jobs went", "number", "1,200"),
        (EN + "three nurses came", "number", "three"),
        (EN + "twenty-five came", "number", "twenty-five"),
        (EN + "it has 10–15% of them", "number", "10–15%"),
        (EN + "from 2019-2024 it grew", "number", "2019-2024"),
        (EN + "on 2025-09-30 it", "date", "2025-09-30"),
        (EN + "on 30 Sept. 2025 it", "date", "30 Sept. 2025"),
        (EN + "on September 30th, 2025 it", "date", "September 30th, 2025"),
        (EN + "in May 2024 it", "date", "May 2024"),
        (DE + "am 3. März 2025 kam", "date", "3. März 2025"),
        (DE + "am 03.04.2025 kam", "date", "03.04.2025"),
        (FR + "le 1er octobre 2025 il", "date", "1er octobre 2025"),
        (ES + "el 30 de septiembre de 2025 se", "date", "30 de septiembre de 2025"),
        ("東京都は2026年3月5日に発表した。", "date", "2026年3月5日"),
        ("The U.K. company won.", "name", "U.K."),
        (EN + "at 14:35 it", "time", "14:35"),
        (EN + "at 9:05 p.m. it", "time", "9:05 p.m."),
        (FR + "vers 18 h 30 il", "time", "18 h 30"),
        (DE + "um 14.30 Uhr kam", "time", "14.30 Uhr"),
        ("会议于上午10时开始。", "time", "上午10时"),
        (EN + "see https://example.com/a?b=1.", "url", "https://example.com/a?b=1"),
        (EN + "mail ir@fjord.example now", "email", "ir@fjord.example"),
        (EN + "host 192.168.1.10 is", "identifier", "192.168.1.10"),
        (EN + "host 2001:db8:0:1:1:1:1:1 is", "identifier", "2001:db8:0:1:1:1:1:1"),
        (EN + "in /etc/nginx/nginx.conf it", "path", "/etc/nginx/nginx.conf"),
        (EN + "in app/api/routes.py it", "path", "app/api/routes.py"),
        (EN + r"in C:\Users\ann\a.txt it", "path", r"C:\Users\ann\a.txt"),
        (EN + "order INV-2024-00317 is", "identifier", "INV-2024-00317"),
        (EN + "version v2.3.1 is", "identifier", "v2.3.1"),
        (EN + "version 3.11.7 is", "identifier", "3.11.7"),
        (EN + "commit 9f8e7d6c5b is", "identifier", "9f8e7d6c5b"),
        (EN + "set max_queue_size to", "identifier", "max_queue_size"),
        (EN + "she met Jane O'Neil there", "name", "Jane O'Neil"),
        (EN + "they say that Turku is far", "name", "Turku"),
        (EN + "the University of Oslo is", "name", "University of Oslo"),
        (EN + "by NATO and others", "name", "NATO"),
        (DE + "der Herr Peter von der Heide kam", "name", "Herr Peter von der Heide"),
        (FR + "la maire Hélène Castagnède a", "name", "Hélène Castagnède"),
        (ES + "el director Ramón Escudero Villalta dijo", "name", "Ramón Escudero Villalta"),
        ("全长31.6公里的线路", "number", "31.6公里"),
        ("投资约为1.8亿元左右", "number", "1.8亿元"),
        ("数字２０２５個です。", "number", "２０２５"),
    ],
)
def test_a_fact_is_found_once_with_its_kind(text: str, kind: str, fact: str) -> None:
    assert facts_in(text) == [(kind, fact)]


@pytest.mark.parametrize(
    "text",
    [
        "Yesterday it rained. However, people came and went as they always do. Engineers were there too.",
        "Am Anfang war die Stimmung gut und die Mitarbeiter haben sich über den Erfolg der Arbeit gefreut.",
        "Selon la ville, on a beaucoup parlé de la question et il y a encore à faire.",
        "Además se habló mucho de la cuestión y los vecinos están contentos con ello.",
        "1. first of all\n2. after that\n",
        "and/or, well-kept, e.g. this",
        "I think so. OK?",
    ],
)
def test_words_that_only_look_like_facts_are_none(text: str) -> None:
    assert [fact for fact in facts_in(text) if fact[1] != "OK"] == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("1,200", "en"), ("1200", "en")),
        (("1,200", "en"), ("1.200", "de")),
        (("1,200", "en"), ("1 200", "fr")),
        (("1,200", "en"), ("1.2 thousand", "en")),
        (("3.2%", "en"), ("3,2 %", "de")),
        (("3.2%", "en"), ("3.2 percent", "en")),
        (("3.2%", "en"), ("3.20 per cent", "en")),
        (("3.2%", "en"), ("3,2 Prozent", "de")),
        (("EUR 312.5 million", "en"), ("€312.5m", "en")),
        (("EUR 312.5 million", "en"), ("312,5 Mio. Euro", "de")),
        (("EUR 312.5 million", "en"), ("312,500,000 euros", "en")),
        (("1.8亿元", "zh"), ("180,000,000 yuan", "en")),
        (("15 kg", "en"), ("15 kilograms", "en")),
        (("31.6公里", "zh"), ("31.6 km", "en")),
        (("twelve", "en"), ("12", "en")),
        (("twenty-five", "en"), ("25", "en")),
        (("zwölf", "de"), ("12", "en")),
        (("２０２５", "ja"), ("2025", "en")),
        (("30 September 2025", "en"), ("2025-09-30", "en")),
        (("Sept. 30, 2025", "en"), ("30.09.2025", "de")),
        (("30 September 2025", "en"), ("30 de septiembre de 2025", "es")),
        (("30 September 2025", "en"), ("2025年9月30日", "zh")),
        (("09/30/2025", "en"), ("30/09/2025", "fr")),
        (("2:35 pm", "en"), ("14:35", "en")),
        (("14:35", "en"), ("14.35 Uhr", "de")),
        (("18 h 30", "fr"), ("6:30 p.m.", "en")),
        (("10–15%", "en"), ("10-15 %", "en")),
        (("Ir@Fjord.example", "en"), ("ir@fjord.example", "en")),
    ],
)
def test_spellings_of_one_value_are_equal(first: tuple[str, str], second: tuple[str, str]) -> None:
    assert keys(*first) == keys(*second) != []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("1,200", "en"), ("1.200", "en")),
        (("3 kg", "en"), ("3 km", "en")),
        (("3%", "en"), ("3 percentage points", "en")),
        (("3½ kg", "en"), ("3 kg", "en")),
        (("5 million", "en"), ("5 billion", "en")),
        (("€5", "en"), ("$5", "en")),
        (("-4 °C", "en"), ("4 °C", "en")),
        (("twenty-five", "en"), ("twenty-six", "en")),
        (("30 September 2025", "en"), ("30 September 2024", "en")),
        (("03/04/2025", "en"), ("03/04/2025", "fr")),
        (("9:05 a.m.", "en"), ("9:05 p.m.", "en")),
        (("v2.3.1", "en"), ("v2.3.2", "en")),
    ],
)
def test_spellings_of_different_values_are_not_equal(first: tuple[str, str], second: tuple[str, str]) -> None:
    assert keys(*first) != keys(*second)


@pytest.mark.parametrize(
    ("wording", "stated"),
    [
        ("30 September 2025", "2025"),
        ("30 September 2025", "September 2025"),
        ("15 kg", "15"),
        ("from 10–15%", "15%"),
    ],
)
def test_a_fact_also_states_what_it_implies(wording: str, stated: str) -> None:
    (fact,), (key,) = find_facts(wording, Language("en")), keys(stated, "en")
    assert key in fact.keys_stated


def test_a_word_of_another_language_is_no_number() -> None:
    assert facts_in(EN + "it is due on 30 Sept. 2025") == [("date", "30 Sept. 2025")]


def test_a_number_word_in_a_name_belongs_to_it() -> None:
    assert facts_in(EN + "they came to Three Rivers then") == [("name", "Three Rivers")]


@given(ANY)
def test_facts_stand_in_order_within_the_text_and_do_not_overlap(text: str) -> None:
    reach = 0
    for fact in facts(text):
        assert reach <= fact.start < fact.end <= len(text)
        assert fact.key in fact.keys_stated
        reach = fact.end


@given(ANY)
def test_no_digit_of_a_text_is_overlooked(text: str) -> None:
    covered = {at for fact in facts(text) for at in range(fact.start, fact.end)}
    marks = {at for at, c in enumerate(text) if c in "0123456789"} - covered
    # What is left counts the items of a list.
    assert all(text[at + 1 : at + 3].strip("0123456789")[:1] in (".", ")") for at in marks)


@pytest.mark.parametrize(
    "text", ["\U0001e4f0", "1\U0001e4f0", "\U0001e4f01-\U0001e4f0-2026", "\U0001e4f02:30 pm", "EUR \U0001e4f0"]
)
def test_digits_that_are_newer_than_python_are_no_error(text: str) -> None:
    assert all(fact.end <= len(text) for fact in facts(text))
