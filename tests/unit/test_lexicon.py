"""The tables that the fact finder reads once."""

from babel import localedata

from app.capsule import lexicon


def test_the_tables_stay_when_what_they_were_made_of_is_let_go() -> None:
    localedata.load("en")
    before = (lexicon.months(), lexicon.weekdays(), lexicon.places())
    lexicon.forget_locales()
    assert not localedata._cache
    assert (lexicon.months(), lexicon.weekdays(), lexicon.places()) == before
    assert "germany" in lexicon.places()
