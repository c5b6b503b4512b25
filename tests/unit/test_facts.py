"""Which facts are found, in many languages and kinds of text, and that finding them takes linear time."""

import time

import pytest
from app.capsule.analysis import Source
from app.capsule.facts import LiteralNotFoundError, find_literals
from app.capsule.scanner import find_facts
from hypothesis import given

from tests.unit.strategies import ANY

EN = "The report says that it was so and that it is as it has been for them: "
DE = "Der Bericht sagt, dass es so war und dass es auch nicht mehr wird: "
FR = "Le rapport dit que ce fut ainsi et que cela est dans les mains de la ville : "
ES = "El informe dice que fue así y que la ciudad lo tiene en sus manos: "


def found(text: str, *, required: bool = True) -> list[tuple[str, str]]:
    return [(fact.kind, fact.text) for fact in find_facts(text) if fact.required or not required]


@pytest.mark.parametrize(
    ("text", "kind", "fact"),
    [
        (EN + "it rose 3.2% then", "number", "3.2%"),
        (EN + "it cost EUR 312.5 million then", "number", "EUR 312.5 million"),
        (EN + "it cost €1,200.50 then", "number", "€1,200.50"),
        (EN + "it cost US$5m then", "number", "US$5m"),
        (EN + "it weighs 15 kg now", "number", "15 kg"),
        (EN + "it fell to -4.5 °C at night", "number", "-4.5 °C"),
        (EN + "some 1,200 jobs went", "number", "1,200 jobs"),
        (EN + "three nurses came", "number", "three nurses"),
        (EN + "twenty-five came", "number", "twenty-five"),
        (EN + "it has 10–15% of them", "range", "10–15%"),
        (EN + "from 2019-2024 it grew", "range", "2019-2024"),
        (EN + "on 2025-09-30 it", "date", "2025-09-30"),
        (EN + "on 30 Sept. 2025 it", "date", "30 Sept. 2025"),
        (EN + "on September 30th, 2025 it", "date", "September 30th, 2025"),
        (EN + "in May 2024 it", "date", "May 2024"),
        (EN + "on Tuesday it", "date", "Tuesday"),
        (DE + "am 3. März 2025 kam", "date", "3. März 2025"),
        (DE + "am 03.04.2025 kam", "date", "03.04.2025"),
        (FR + "le 1er octobre 2025 il", "date", "1er octobre 2025"),
        (ES + "el 30 de septiembre de 2025 se", "date", "30 de septiembre de 2025"),
        ("東京都は2026年3月5日に発表した。", "date", "2026年3月5日"),
        (EN + "at 14:35 it", "time", "14:35"),
        (EN + "at 9:05 p.m. it", "time", "9:05 p.m."),
        (FR + "vers 18 h 30 il", "time", "18 h 30"),
        (DE + "um 14.30 Uhr kam", "time", "14.30 Uhr"),
        ("会议于上午10时开始。", "time", "上午10时"),
        (EN + "see https://example.com/a?b=1.", "url", "https://example.com/a?b=1"),
        (EN + "mail ir@fjord.example now", "email", "ir@fjord.example"),
        (EN + "host 192.168.1.10 is", "ip", "192.168.1.10"),
        (EN + "host 2001:db8:0:1:1:1:1:1 is", "ip", "2001:db8:0:1:1:1:1:1"),
        (EN + "in /etc/nginx/nginx.conf it", "path", "/etc/nginx/nginx.conf"),
        (EN + "in app/api/routes.py it", "path", "app/api/routes.py"),
        (EN + r"in C:\Users\ann\a.txt it", "path", r"C:\Users\ann\a.txt"),
        (EN + "order INV-2024-00317 is", "identifier", "INV-2024-00317"),
        (EN + "version v2.3.1 is", "identifier", "v2.3.1"),
        (EN + "version 3.11.7 is", "identifier", "3.11.7"),
        (EN + "commit 9f8e7d6c5b is", "identifier", "9f8e7d6c5b"),
        (EN + "set max_queue_size to", "identifier", "max_queue_size"),
        (EN + "call 0577-12319 now", "identifier", "0577-12319"),
        (EN + "she met Jane O'Neil there", "name", "Jane O'Neil"),
        (EN + "they say. Turku is far", "name", "Turku"),
        (EN + "the University of Oslo is", "name", "University of Oslo"),
        (EN + "by NATO and others", "name", "NATO"),
        (DE + "die Chefin Anna Schmidt kam", "name", "Anna Schmidt"),
        (DE + "das Werk in Magdeburg bleibt", "name", "Magdeburg"),
        (FR + "la maire Hélène Castagnède a", "name", "Hélène Castagnède"),
        (ES + "el director Ramón Escudero Villalta dijo", "name", "Ramón Escudero Villalta"),
        (EN + "they said “we need no debt” then", "quote", "“we need no debt”"),
        (DE + "sie sagte »nie wieder« dazu", "quote", "»nie wieder«"),
        ("社长说：“文物毁了就没有了”。", "quote", "“文物毁了就没有了”"),
        ("据总工程师贺敬南介绍，全长很远。", "name", "贺敬南"),
        ("他昨天到达上海参加会议。", "name", "上海"),
        ("担当の滝本よりご連絡いたします。", "name", "滝本"),
        ("売り場はリンクフォートが運営する。", "name", "リンクフォート"),
        ("全长31.6公里的线路", "number", "31.6公里"),
        ("投资约为1.8亿元左右", "number", "1.8亿元"),
        ("約三百二十人が参加した。", "number", "三百二十人"),
        ("数字２０２５個です。", "number", "２０２５個"),
        ("بلغت النسبة ٣٫٥ في المئة", "number", "٣"),
    ],
)
def test_facts_are_found_with_their_kind(text: str, kind: str, fact: str) -> None:
    hits = [text for found_kind, text in found(text) if found_kind == kind]
    assert any(fact in hit for hit in hits), found(text)


@pytest.mark.parametrize(
    "text",
    [
        "Yesterday it rained. However, people came and went as they always do. Engineers were there too.",
        "Am Anfang war die Stimmung gut und die Mitarbeiter haben sich über den Erfolg der Arbeit gefreut.",
        "Selon la ville, on a beaucoup parlé de la question et il y a encore à faire.",
        "Además se habló mucho de la cuestión y los vecinos están contentos con ello.",
        "1. first of all\n2. after that\n",
        "and/or, well-kept, e.g. this",
    ],
)
def test_words_that_only_look_like_facts_are_not_required(text: str) -> None:
    assert found(text) == []


def test_a_long_quotation_is_looked_at_but_not_required() -> None:
    text = f'She said: "{"we will see what comes of it and " * 4}then we go on", and "nothing else" after that.'
    assert ("quote", '"nothing else"') in found(text)
    assert len(found(text)) == 1
    assert len([fact for fact in find_facts(text) if fact.kind == "quote"]) == 2


@given(ANY)
def test_required_facts_stand_where_their_offsets_say_and_do_not_overlap(text: str) -> None:
    reach = 0
    for fact in find_facts(text):
        assert text[fact.start : fact.end] == fact.text
        assert fact.text
        if fact.required:
            assert fact.start >= reach
            reach = fact.end


@given(ANY)
def test_no_digit_of_a_text_is_overlooked(text: str) -> None:
    covered = {at for fact in find_facts(text) for at in range(fact.start, fact.end)}
    marks = {at for at, c in enumerate(text) if c in "0123456789"} - covered
    # What is left counts the items of a list.
    assert all(text[at + 1 : at + 3].strip("0123456789")[:1] in (".", ")") for at in marks)


# Each aims at a repeat of one pattern, or at what several have in common.
HOSTILE = [
    "a", "A", "1", "a ", "A ", "1 ", "1.", "1,000", "1,", ".1", "a.", "a-", "a_", "a/", "/a", "a@", "@a", "a@a.", "1:",
    "1:1", "::", "a:", "0:0:", "1.1.", "1-1", "1/1/", "1–", "10–15", "A of ", "A-", "A. ", "Mr. ", "www.", "http://",
    "https://a", '"', '"a', "“", "“a", "«", "»a", "「a", "《", "`", "EUR ", "€", "+", "-", "−1", "1 h ", "1 Uhr", "1 am",
    "1年", "年1", "1月1", "上午1", "上午", "万", "一", "第一", "一二", "局", "中国", "王", "王小", "者王", "ア", "ア・", "さん",
    "株式会社", "May ", "May 1", "1 May ", "1er ", "not ", "if ", "n't", "three ", "half-", "twenty-", "'", "’s", "a'",
    "#", "~", "\\", "C:\\", "./", "../a", "1\u00a0", "1'000", "\u0301", "e\u0301", "{", "{\"a\":", "| a ", "- ", "> ", "\n",
    "\r\n", "a: b\n", "1.\n", "A: b\n", "a,b,c\n", "diff --git ", "@@ -1", "```", "if a, b ", ", and ", " (", ") ",
]  # fmt: skip


@pytest.mark.parametrize("hostile", HOSTILE)
def test_the_work_of_reading_grows_with_the_length_only(hostile: str) -> None:
    # Eight times the text: what is linear takes eight times as long, what is quadratic sixty-four times.
    small, large = hostile * (4_000 // len(hostile)), hostile * (32_000 // len(hostile))
    took = [_seconds(small), _seconds(large)]
    assert took[1] < 30 * max(took[0], 0.002)


def _seconds(text: str) -> float:
    """The quickest of three readings: a collection of garbage, or the machine's other work, is none of it."""
    return min(_seconds_once(text) for _ in range(3))


def _seconds_once(text: str) -> float:
    started = time.thread_time()
    Source(text)
    return time.thread_time() - started


def test_a_literal_is_found_at_its_first_place() -> None:
    (fact,) = find_literals("one two two", ["two"])
    assert (fact.kind, fact.start, fact.text) == ("must_keep", 4, "two")


def test_a_literal_that_the_text_lacks_is_refused_by_name() -> None:
    with pytest.raises(LiteralNotFoundError, match="zeppelin"):
        find_literals("one two", ["zeppelin"])


def test_a_fraction_belongs_to_its_number() -> None:
    assert [fact.text for fact in find_facts("It weighs 3½ kg now.")] == ["3½ kg"]
    assert find_facts("It weighs 3½ kg now.")[0].key != find_facts("It weighs 3 kg now.")[0].key
