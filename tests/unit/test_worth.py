"""What is worth most to a reader: the one sentence that is left if there is room for a single one."""

import pytest

from app.summary.select import SelectionOptions, select
from app.text.document import read


def chosen(text: str, budget: int, question: str | None = None, *, asks: bool = False) -> list[str]:
    document = read(text, asks=asks)
    units = select(document, (), SelectionOptions(budget, 1.0, question)).units
    return [document.text_of(at) for at in sorted(units)]


def best(text: str, question: str | None = None, *, asks: bool = False) -> str:
    (only,) = chosen(text, 1, question, asks=asks)
    return only


def listed(*items: str) -> str:
    """Items of a list: their place in the text does not count."""
    return "\n".join(f"- {item}" for item in items)


@pytest.mark.parametrize(
    ("more", "less"),
    [
        ("The terminal of the port costs 48 million euros.", "The terminal of the port has places for 3 ships."),
        ("There are 350 seats in each room.", "There are 3 seats in each room."),
        ("There are 120 to 350 seats in each room.", "There are 2 to 3 seats in each room."),
        ("The house opens on 3 May 2026.", "The house opens for all the guests."),
        ("The house must have new doors.", "The house has many old doors."),
        ("The house has some doors.", "Does the house have doors?"),
        ("房子有三个门啊。", "房子有三个门吗？"),
    ],
)
def test_amounts_large_figures_dates_obligations_and_statements_come_first(more: str, less: str) -> None:
    assert best(listed(more, less)) == f"- {more}"
    assert best(listed(less, more)) == f"- {more}"


def test_a_name_that_the_text_has_more_often_is_worth_more() -> None:
    text = listed("Anna Berg paints walls.", "Eva Holm paints doors.", "Later comes the visit of Eva Holm.")
    assert best(text) == "- Eva Holm paints doors."


def test_a_word_that_the_text_is_about_is_worth_more_than_a_rare_one() -> None:
    text = listed(
        "The garden is closed.", "The bakery is closed.", "Many guests see the garden.", "Some like the garden."
    )
    assert best(text) == "- The garden is closed."


def test_the_first_sentence_of_the_text_and_of_each_paragraph_come_first_then_the_last_one() -> None:
    town = (
        "The town lies at the lake. It has a harbour. Boats are built there.\n\n"
        "The museum shows old nets. It is small. Visitors like it.\n\n"
        "The ferry runs each day. It is red. All in all people are content there."
    )
    assert best(town) == "The town lies at the lake."
    assert chosen(town, 16) == ["The town lies at the lake.", "The museum shows old nets."]
    assert chosen(town, 24) == [
        "The town lies at the lake.",
        "The ferry runs each day.",
        "All in all people are content there.",
    ]


# Logs


def test_errors_of_a_log_come_first_then_warnings() -> None:
    messages = ["INFO started", "INFO valve open", "WARN pressure rises", "INFO valve closed", "ERROR no connection"]
    log = "".join(f"2026-05-03 10:00:0{second} {line}\n" for second, line in enumerate([*messages, "INFO stopped"]))
    assert [line.split(maxsplit=2)[2] for line in chosen(log, 40)] == ["ERROR no connection"]
    assert [line.split(maxsplit=2)[2] for line in chosen(log, 55)] == ["WARN pressure rises", "ERROR no connection"]


@pytest.mark.parametrize("level", ["ERROR", "Error", "FATAL", "Exception", "failed"])
def test_errors_come_first_in_a_log_that_is_declared_to_be_plain_text_too(level: str) -> None:
    log = "".join(
        f"2026-05-03 10:00:0{second} {line}\n"
        for second, line in enumerate(["INFO the server starts", f"{level} the server", "WARN the server waits"])
    )
    document = read(log, "text")
    for budget, lines in ((1, {1}), (60, {1, 2})):
        assert select(document, (), SelectionOptions(budget, 1.0)).units == lines


# Conversations


def test_in_a_conversation_what_is_agreed_on_comes_first() -> None:
    chat = "Ben: Some like blue.\nAnna: The fence could be blue.\nBen: Agreed, blue then.\nAnna: People saw a blue one."
    assert best(chat) == "Ben: Agreed, blue then."


def test_the_request_to_an_assistant_comes_first_where_the_text_is_one() -> None:
    text = (
        "I work on a shop in Python with a cart and a checkout page. Please add a discount field to the checkout page. "
        "The cart has three tests so far. It runs on two servers."
    )
    assert best(text, asks=True) == "Please add a discount field to the checkout page."
    assert best(text) == "I work on a shop in Python with a cart and a checkout page."


# Questions


PUMP = (
    "The pump was old. The pump failed at night. The pump failed because the seal was worn. The pump stands in the "
    "hall. The hall is dark."
)


@pytest.mark.parametrize("question", ["Why did the pump fail?", "why did the pump fail", " Why did the pump fail?"])
def test_a_question_why_is_answered_by_the_sentence_with_the_cause(question: str) -> None:
    assert best(PUMP, question) == "The pump failed because the seal was worn."


def test_a_question_that_does_not_ask_why_is_answered_by_the_shorter_sentence() -> None:
    assert best(PUMP, "When did the pump fail?") == "The pump failed at night."


def test_a_spanish_question_why_is_answered_by_the_cause() -> None:
    text = "La bomba era vieja. La bomba falló de noche. La bomba falló porque la junta estaba gastada. Todo está bien."
    assert best(text, "¿Por qué falló la bomba?") == "La bomba falló porque la junta estaba gastada."


def test_a_question_about_a_conversation_is_answered_by_what_was_agreed_on_last() -> None:
    chat = (
        "Anna: When do we open the pier?\nBen: Perhaps in May.\nAnna: The council wants to open the pier in June.\n"
        "Ben: Yes, we open the pier in June.\nAnna: Nice weather today.\nBen: It is warm."
    )
    assert best(chat, "When do we open the pier?") == "Ben: Yes, we open the pier in June."


def test_of_two_turns_that_answer_alike_the_later_one_is_taken() -> None:
    chat = (
        "Anna: The pier may open in May.\nBen: The fee may be 5 euros.\nAnna: The pier may open in July.\n"
        "Ben: The sky is blue."
    )
    assert best(chat, "When may the pier open?") == "Anna: The pier may open in July."


def test_the_turn_after_the_one_that_has_the_words_of_the_question_comes_with_it() -> None:
    chat = "Anna: The weather is nice.\nBen: Who fixes the pump?\nAnna: Erik on Monday.\nBen: The sky is blue today."
    assert chosen(chat, 20, "Who fixes the pump?") == ["Ben: Who fixes the pump?", "Anna: Erik on Monday."]


def test_the_name_of_a_speaker_in_a_question_does_not_make_each_turn_an_answer() -> None:
    chat = "Anna: The sky is blue.\nAnna: Some like it.\nBen: The pump is fixed on Monday.\nAnna: All is well, Anna."
    assert best(chat, "What does Anna say about the pump?") == "Ben: The pump is fixed on Monday."
