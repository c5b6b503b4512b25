"""A text as units: where sentences end in many languages, what a unit needs beside it, and which units say little."""

import pytest
from hypothesis import given

from app.text.document import Document, read
from app.text.facts import LiteralNotFoundError
from app.text.sentences import sentences
from tests.unit.strategies import ANY


def cut(text: str) -> list[str]:
    return [text[span.start : span.end] for span in sentences(text)]


def units(text: str) -> list[str]:
    document = read(text)
    return [document.text_of(at) for at in range(len(document.units))]


def unit_at(document: Document, beginning: str) -> int:
    """The number of the first unit that begins so."""
    return next(at for at in range(len(document.units)) if document.text_of(at).startswith(beginning))


def needs(text: str, beginning: str) -> list[str]:
    """The units that the one that begins so needs."""
    document = read(text)
    return [document.text_of(at) for at in document.units[unit_at(document, beginning)].needs]


def minor(text: str) -> list[str]:
    document = read(text)
    return [document.text_of(at) for at, unit in enumerate(document.units) if unit.is_minor]


@pytest.mark.parametrize(
    "expected",
    [
        ["It rains today.", "We stay at home!", "Will you come?", "Yes."],
        ["Heute regnet es.", "Wir bleiben zu Hause!", "Kommst du?", "Ja."],
        ["Il pleut aujourd'hui.", "Nous restons ici !", "Viens-tu ?", "Oui."],
        ["Hoy llueve.", "¡Nos quedamos en casa!", "¿Vienes?", "Sí."],
        ["Сегодня идёт дождь.", "Мы не вышли!", "Вы придёте?", "Да."],
        ["आज बारिश हुई।", "हम बाहर नहीं गए।", "क्या आप आएँगे?", "हाँ।"],
        ["أعلنت الشركة نتائجها اليوم.", "هل ارتفعت الأرباح؟", "نعم، بنسبة 15 في المائة."],
    ],
)
def test_sentences_end_at_the_stops_of_their_language(expected: list[str]) -> None:
    assert cut(" ".join(expected)) == expected


@pytest.mark.parametrize(
    "expected",
    [
        ["今天下雨了。", "我们没有出门！", "会议几点开始？", "十点。"],
        ["今日は雨です。", "出かけません！", "会議は何時ですか？", "十時です。"],
    ],
)
def test_sentences_of_scripts_without_spaces_end_at_their_stops(expected: list[str]) -> None:
    assert cut("".join(expected)) == expected


@pytest.mark.parametrize(
    "sentence",
    [
        "Dr. Smith met Mr. Jones and Mrs. Brown at St. Mary's.",
        "It left at 5 p.m. on Main St. in the rain.",
        "The firm (Acme Inc.) is vs. the town, e.g. on Fig. 3 and approx. all of No. 7 here.",
        "Herr Dr. Meier kam z. B. mit ca. 40 Gästen bzw. Freunden, d. h. nicht allein.",
        "In der Satzung steht das u. a. Berlin betreffend in Art. 5 Abs. 2 dazu.",
        "El Sr. Gómez llegó tarde.",
        "M. Dupont est arrivé avec Mme. Durand.",
        "J. R. R. Tolkien and C. S. Lewis met.",
        "The U.S. Senate met.",
    ],
)
def test_an_abbreviation_or_an_initial_ends_no_sentence(sentence: str) -> None:
    assert cut(f"{sentence} So it is.") == [sentence, "So it is."]


@pytest.mark.parametrize(
    "sentence",
    ["Am 3. Mai und am 14. Juni ist zu.", "Das gilt im 2. Stock.", "It rose by 3.5 to 10.25 million.", "Um 10.30 Uhr."],
)
def test_an_ordinal_or_a_figure_ends_no_sentence(sentence: str) -> None:
    assert cut(f"{sentence} So ist es.") == [sentence, "So ist es."]


@pytest.mark.parametrize(
    "sentence",
    [
        '"It works!" he said.',
        "“Why not?” she asked.",
        "„Wir bauen nicht!“, sagte er.",
        "« Nous partons demain ! » a-t-il dit.",
        "“你来吗？”他问。",
        "「行きません。」と彼は言った。",
    ],
)
def test_a_quotation_and_who_said_it_are_one_sentence(sentence: str) -> None:
    assert cut(sentence) == [sentence]


def test_a_quotation_mark_behind_the_stop_belongs_to_its_sentence() -> None:
    assert cut('He said: "It is so." Then he left. (She stayed.) All was well.') == [
        'He said: "It is so."',
        "Then he left.",
        "(She stayed.)",
        "All was well.",
    ]


def test_an_ellipsis_ends_a_sentence_only_before_a_new_one() -> None:
    assert cut("Well ... it was late. He waited… Nobody came. Then she called... All was well.") == [
        "Well ... it was late.",
        "He waited…",
        "Nobody came.",
        "Then she called...",
        "All was well.",
    ]


def test_a_reference_in_brackets_behind_the_stop_belongs_to_its_sentence() -> None:
    assert cut("It fell.[12][3] It rose.[4] So be it.") == ["It fell.[12][3]", "It rose.[4]", "So be it."]


def test_a_text_without_capitals_has_sentences_too() -> None:
    assert cut("it works now. we wait for it. nobody came.") == ["it works now.", "we wait for it.", "nobody came."]


def test_a_sentence_goes_on_over_the_ends_of_wrapped_lines() -> None:
    text = (
        "The long report of the commission on the harbour was\npublished on Monday and says that the quay must be\n"
        "rebuilt by 2027. It costs 4 million euros and the\ncouncil has not voted yet."
    )
    assert units(text) == [
        "The long report of the commission on the harbour was\npublished on Monday and says that the quay must be\n"
        "rebuilt by 2027.",
        "It costs 4 million euros and the\ncouncil has not voted yet.",
    ]


def test_lines_that_are_not_wrapped_are_units_of_their_own() -> None:
    assert units("Room 4\nTuesday at ten\nBring a pen") == ["Room 4", "Tuesday at ten", "Bring a pen"]


def test_a_list_item_is_a_unit_with_its_mark_and_its_later_sentences_need_the_first() -> None:
    text = "1. Call the office. The number is 4711.\n2. Sign the form.\n   Both pages count.\n- [ ] Send it."
    document = read(text)
    assert [document.text_of(at) for at in range(len(document.units))] == [
        "1. Call the office.",
        "The number is 4711.",
        "2. Sign the form.",
        "Both pages count.",
        "- [ ] Send it.",
    ]
    assert {unit.kind for unit in document.units} == {"list"}
    assert needs(text, "The number") == ["1. Call the office."]
    assert "2. Sign the form." in needs(text, "Both pages")
    assert document.text[document.units[4].head :] == "Send it."


CHAT = (
    "Anna: When does the meeting start?\nBen: At ten. Bring the papers.\n"
    "Anna: Room 4 is closed, so come to room 7.\nBen: Fine with me, room 7 it is."
)


def test_a_turn_keeps_its_speaker_and_its_later_sentences_need_the_first() -> None:
    assert units(CHAT)[:3] == ["Anna: When does the meeting start?", "Ben: At ten.", "Bring the papers."]
    assert needs(CHAT, "Bring") == ["Ben: At ten."]
    document = read(CHAT)
    assert document.text[document.units[1].head : document.units[1].end] == "At ten."


def test_an_answer_needs_its_question() -> None:
    assert needs(CHAT, "Ben: At ten.") == ["Anna: When does the meeting start?"]
    assert needs(CHAT, "Anna: Room 4") == []


@pytest.mark.parametrize(
    ("statement", "denial", "more"),
    [
        ("The order was due to leave on 6 May.", "As you know, it did not.", "The panels come on 19 May."),
        ("The order was due to leave on 6 May.", "It wasn't.", "The panels come on 19 May."),
        ("Die Ware sollte am 6. Mai abgehen.", "Das geschah nicht.", "Die Platten kommen erst am 19. Mai."),
    ],
)
def test_a_statement_and_the_sentence_that_takes_it_back_need_each_other(
    statement: str, denial: str, more: str
) -> None:
    text = f"{statement} {denial} {more}"
    assert needs(text, statement) == [denial]
    assert needs(text, denial) == [statement]
    assert needs(f"{more} {text}", statement) == [denial]


def test_a_sentence_that_points_at_a_noun_needs_the_one_that_tells_of_it() -> None:
    text = "The timer is fiddly. The burrs are fine. Four stars of five, with one taken off for that silly timer."
    assert needs(text, "Four stars") == ["The timer is fiddly."]
    assert needs("The burrs are fine. I like the sound of that clever motor.", "I like") == []


def test_a_person_who_is_no_one_in_the_sentence_is_in_the_one_before() -> None:
    text = "Mr. Petrou complained about parents. It was agreed to write to them. We asked the head to write to them."
    assert needs(text, "It was agreed") == ["Mr. Petrou complained about parents."]


def test_a_heading_is_a_unit_of_its_own_kind() -> None:
    document = read("# Plan\n\nWe build the quay.\n\nNext steps\n\nWe wait for it.\n\nResults\n=======\n\nIt held.")
    headings = [document.text_of(at) for at, unit in enumerate(document.units) if unit.kind == "heading"]
    assert headings == ["# Plan", "Next steps", "Results\n======="]
    assert document.text[document.units[0].head : document.units[0].end] == "Plan"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Maria Olsen opened the shop in 1990.", "She sold it later."),
        ("Die Brücke ist seit Mai gesperrt.", "Sie wird neu gebaut."),
        ("La mairie a refusé le projet.", "Elle attend un autre plan."),
        ("Los vecinos piden una plaza.", "Ellos no quieren coches."),
        ("Петров открыл магазин в мае.", "Он продал его потом."),
        ("公司在五月开业。", "它在六月关门。"),
    ],
)
def test_a_sentence_that_begins_with_a_pronoun_needs_the_one_that_names_it(first: str, second: str) -> None:
    space = "" if first.endswith("。") else " "
    assert needs(f"{first}{space}{second}", second) == [first]


def test_a_row_of_pronouns_needs_the_sentence_that_has_the_name() -> None:
    text = "Maria Olsen opened the shop. She sold it in May. He who bought it was her brother. She was glad."
    assert needs("Maria Olsen opened the shop. She sold it. She was glad of that.", "She was") == [
        "Maria Olsen opened the shop."
    ]
    assert needs(text, "She sold") == ["Maria Olsen opened the shop."]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("The council approved the plan.", "However, the money is not there."),
        ("The council approved the plan.", "This was not expected."),
        ("Der Rat stimmte zu.", "Allerdings fehlt das Geld."),
        ("Le conseil a dit oui.", "Cependant, l'argent manque."),
        ("El consejo aprobó el plan.", "Sin embargo, falta el dinero para ello."),
        ("Совет одобрил план.", "Однако денег нет."),
        ("委员会批准了计划。", "但是没有钱。"),
        ("委員会は計画を承認した。", "しかし資金がない。"),
    ],
)
def test_a_sentence_that_begins_with_a_connective_needs_the_one_before_it(first: str, second: str) -> None:
    space = "" if first.endswith("。") else " "
    assert needs(f"{first}{space}{second}", second) == [first]


def test_what_a_condition_governs_needs_the_condition() -> None:
    assert needs("If the pump fails, call the office. Ask for Maria.", "Ask") == ["If the pump fails, call the office."]


def test_what_stands_behind_a_colon_needs_what_introduces_it() -> None:
    text = "The committee named three reasons:\n\n- The roof leaks.\n- The heating is old."
    assert needs(text, "- The roof") == ["The committee named three reasons:"]


def test_a_sentence_by_itself_needs_nothing_and_no_sentence_needs_one_of_another_paragraph() -> None:
    assert needs("The roof leaks. The heating is old.", "The heating") == []
    assert needs("The roof leaks.\n\nHowever, the heating is new.", "However") == []


def test_a_row_needs_the_header_of_its_table() -> None:
    text = "| name | price |\n| --- | --- |\n| pump | 40 |\n| valve | 12 |"
    assert needs(text, "| valve") == ["| name | price |\n| --- | --- |"]


def test_an_indented_entry_needs_its_parents_and_these_one_entry_under_them() -> None:
    text = "server:\n  port: 8080\n  tls:\n    cert: a.pem\nlog: info"
    assert needs(text, "    cert") == ["  tls:"]
    assert needs(text, "  tls") == ["server:", "    cert: a.pem"]
    assert needs(text, "log") == []


MAIL = (
    "Hi Maria,\n\nThe pump arrives on 4 May. It has to be tested before noon.\n\nThank you and best regards,\nErik\n"
    "-- \nErik Olsen\nAcme Ltd, Bergen\n\nOn 3 May 2025 Maria wrote:\n"
    "> When does the pump arrive?\n> We need it soon.\n"
)


def test_greeting_signature_and_quoted_history_of_a_mail_are_minor_and_its_statements_are_not() -> None:
    minor_units = minor(MAIL)
    for part in ("Hi Maria,", "Erik Olsen", "Acme Ltd, Bergen", "> When does the pump arrive?", "> We need it soon."):
        assert part in minor_units
    assert any(unit.startswith("Thank you") for unit in minor_units)
    assert not any("4 May" in unit or "tested" in unit for unit in minor_units)


@pytest.mark.parametrize(
    "history", ["-----Original Message-----", "Am 3. Mai 2025 schrieb Maria:", "Le 3 mai 2025 Maria a écrit :"]
)
def test_all_that_stands_behind_the_mark_of_an_earlier_mail_is_minor(history: str) -> None:
    text = f"The pump arrives on 4 May.\n\n{history}\n\nWhen does the pump arrive? We need it soon."
    assert minor(text)[-2:] == ["When does the pump arrive?", "We need it soon."]
    assert "The pump arrives on 4 May." not in minor(text)


@pytest.mark.parametrize(
    ("courtesy", "statement"),
    [
        ("Thank you very much and have a nice weekend.", "The pump is broken and nobody knows why."),
        ("Vielen Dank und mit freundlichen Grüßen.", "Die Pumpe ist kaputt und niemand weiß warum."),
        ("Merci beaucoup et bonne journée à vous.", "La pompe est en panne et on ne sait pas pourquoi."),
        ("Muchas gracias y un abrazo para todos.", "La bomba está rota y no se sabe por qué."),
        ("谢谢大家的支持。", "水泵坏了，没有人知道原因。"),
    ],
)
def test_a_courtesy_is_minor_and_a_statement_is_not(courtesy: str, statement: str) -> None:
    space = "" if statement.endswith("。") else " "
    assert minor(f"{statement}{space}{courtesy}") == [courtesy]


def test_thanks_with_a_figure_in_them_are_not_minor() -> None:
    assert minor("The pump is here. Thanks for the 400 euros that you have sent.") == []


def test_a_literal_is_found_in_all_units_that_it_touches() -> None:
    document = read("One stands here. Two stands there. Three is last.")
    assert list(document.units_of("here. Two")) == [0, 1]
    assert list(document.units_of("last")) == [2]


def test_a_literal_that_the_text_lacks_is_refused_by_name() -> None:
    with pytest.raises(LiteralNotFoundError, match="zeppelin"):
        read("One two.").units_of("zeppelin")


@given(ANY)
def test_units_are_in_order_and_only_white_space_is_between_them(text: str) -> None:
    document = read(text)
    reach = 0
    for unit in document.units:
        assert reach <= unit.start <= unit.head < unit.end
        assert not text[reach : unit.start].strip()
        assert text[unit.start : unit.end].strip() == text[unit.start : unit.end].strip()
        reach = unit.end
    assert not text[reach:].strip()


@given(ANY)
def test_a_unit_needs_only_units_before_it_and_later_ones_that_need_it_too(text: str) -> None:
    units = read(text).units
    pairs = [(at, needed) for at, unit in enumerate(units) for needed in unit.needs]
    assert all(0 <= needed < at or (at < needed < len(units) and at in units[needed].needs) for at, needed in pairs)


@given(ANY)
def test_each_fact_of_a_unit_stands_within_it(text: str) -> None:
    document = read(text)
    for unit, facts in zip(document.units, document.facts, strict=True):
        assert all(unit.start <= fact.start < fact.end for fact in facts)


def test_a_line_with_a_whole_sentence_in_it_is_no_heading() -> None:
    assert units("Please send it by Friday. Tanaka") == ["Please send it by Friday.", "Tanaka"]
    assert units("書類を金曜日までにお送りください。田中") == ["書類を金曜日までにお送りください。", "田中"]


def test_closing_tags_belong_to_their_sentence() -> None:
    assert cut("<p>One is here. Two is <b>there.</b></p><p>Three is last.</p>") == [
        "<p>One is here.",
        "Two is <b>there.</b></p>",
        "<p>Three is last.</p>",
    ]


def test_prose_that_is_wrapped_at_120_columns_is_read_as_sentences() -> None:
    sentence = "The lighthouse of 1849 and the harbour office that looks after it have been painted again and again "
    text = f"{sentence}since\nthen. {sentence}since\nthat year."
    assert units(text) == [f"{sentence}since\nthen.", f"{sentence}since\nthat year."]


def test_paragraphs_of_the_same_wording_are_prose() -> None:
    sentences = "The ferry leaves at noon. Nobody knows why. Tickets cost 24 euros."
    document = read("\n\n".join(f"Report {number} is here. {sentences}" for number in range(40)))
    assert document.structure == ("prose",)
    assert len(document.units) == 160
