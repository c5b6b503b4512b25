"""What counts as the same fact, and which sentences of a model's may stand beside the source."""

import pytest
from hypothesis import given

from app.capsule.analysis import Source
from app.capsule.facts import Fact
from app.capsule.language import Language
from app.capsule.prompts import SYSTEM_PROMPTS
from app.capsule.scanner import find_facts
from app.capsule.verification import Evidence, Verifier
from tests.unit.strategies import ANY

EN, DE, FR, ES = (Language(code, code != "en") for code in ("en", "de", "fr", "es"))


def facts_of(text: str, language: Language) -> list[Fact]:
    return find_facts(f"so {text} so", language)


@pytest.mark.parametrize(
    ("one", "other", "languages"),
    [
        ("1,200", "1200", (EN, EN)),
        ("1.200", "1200", (DE, EN)),
        ("1.200", "1,200", (DE, EN)),
        ("1 200", "1200", (FR, EN)),
        ("1\u202f200", "1200", (FR, EN)),
        ("1'200", "1200", (EN, EN)),
        ("12,5", "12.5", (DE, EN)),
        ("3,20 %", "3.2%", (DE, EN)),
        ("3.2 percent", "3.2%", (EN, EN)),
        ("3,2 Prozent", "3.2 per cent", (DE, EN)),
        ("EUR 312.5 million", "€312.5m", (EN, EN)),
        ("312,5 Mio. Euro", "€312.5m", (DE, EN)),
        ("312,5 millones de euros", "EUR 312.5 million", (ES, EN)),
        ("1,9 Milliarden Euro", "EUR 1.9 bn", (DE, EN)),
        ("2 mil millones", "2 billion", (ES, EN)),
        ("1.8亿元", "180,000,000元", (EN, EN)),
        ("２０２５", "2025", (EN, EN)),
        ("15 kg", "15 kilograms", (EN, EN)),
        ("three", "3", (EN, EN)),
        ("drei", "three", (DE, EN)),
        ("30 Sept. 2025", "2025-09-30", (EN, EN)),
        ("September 30, 2025", "30.09.2025", (EN, DE)),
        ("30 de septiembre de 2025", "30 September 2025", (ES, EN)),
        ("1er octobre 2025", "1 October 2025", (FR, EN)),
        ("2025年9月30日", "2025-09-30", (EN, EN)),
        ("9:05 p.m.", "21:05", (EN, EN)),
        ("14.30 Uhr", "14:30", (DE, EN)),
        ("Jane O'Neil", "Jane O’Neil", (EN, EN)),
        ("Jane O'Neil", "JANE O'NEIL", (EN, EN)),
        ("10–15%", "10-15 %", (EN, EN)),
        ("https://a.example/b/", "https://a.example/b", (EN, EN)),
        ("“we go on”", '"we go on"', (EN, EN)),
    ],
)
def test_spellings_of_one_fact_count_as_one(one: str, other: str, languages: tuple[Language, Language]) -> None:
    (fact,), (same,) = facts_of(one, languages[0]), facts_of(other, languages[1])
    assert fact.key == same.key


@pytest.mark.parametrize(
    ("claim", "source"),
    [
        ("3.2%", "13.2%"),
        ("3.2%", "3.2 times"),
        ("3.2", "3.2%"),
        ("EUR 312.5 million", "EUR 312.5"),
        ("EUR 5", "USD 5"),
        ("1.200", "1200"),
        ("-5%", "5%"),
        ("15 kg", "15 km"),
        ("2025-09-30", "2025-09-03"),
        ("30 September 2025", "30 September"),
        ("9:05 p.m.", "9:05"),
        ("Jane Smith", "Jane O'Neil"),
        ("v2.3.1", "v2.3.0"),
        ("ir@fjord.example", "it@fjord.example"),
        ("10–15%", "10%"),
    ],
)
def test_a_fact_that_only_resembles_one_of_the_source_is_invented(claim: str, source: str) -> None:
    evidence = Evidence(source, facts_of(source, EN))
    assert not all(evidence.has(fact) for fact in facts_of(claim, EN))


@pytest.mark.parametrize(("claim", "source"), [("30 September", "2025-09-30"), ("2025", "30 Sept. 2025")])
def test_a_date_states_what_it_implies(claim: str, source: str) -> None:
    evidence = Evidence(source, facts_of(source, EN))
    assert all(evidence.has(fact) for fact in facts_of(claim, EN))


SOURCE = Source(
    "Fjord Holding said on Tuesday that it will open a new plant in Gdańsk by the end of 2026. Revenue rose 3.2% to "
    "EUR 312.5 million in the third quarter. The company did not cut 500 jobs in Hamburg. It will not pay a dividend "
    "unless profit exceeds EUR 20 million. Analysts at Brevik Bank kept their rating at hold. The city provides a site "
    "of 14 hectares near the harbour. Shares closed at 61.80 euros in Oslo after a long day of trading."
)


@pytest.mark.parametrize(
    "sentence",
    [
        "Fjord Holding will open a new plant in Gdańsk.",
        "Revenue rose 3.2% to €312.5m.",
        "The company did not cut 500 jobs.",
        "Fjord Holding will not pay a dividend unless profit exceeds EUR 20 million.",
        "The city provides a site near the harbour.",
    ],
)
def test_a_sentence_that_the_source_says_may_stand(sentence: str) -> None:
    assert Verifier(SOURCE).judge(sentence).is_supported


@pytest.mark.parametrize(
    ("sentence", "invented"),
    [
        ("Revenue rose 4.2%.", ["4.2%"]),
        ("Apple (AAPL) gained 3.2%.", ["Apple", "AAPL"]),
        ("Turku gets a new plant.", ["Turku"]),
        ("Revenue doubled in the quarter.", ["doubled"]),
        ("Two hundred jobs went.", ["Two"]),
        ("It opens in the second quarter of 2026.", ["second"]),
    ],
)
def test_a_fact_that_the_source_lacks_is_invented(sentence: str, invented: list[str]) -> None:
    found = [fact.text for fact in Verifier(SOURCE).judge(sentence).invented]
    assert all(any(one in text for text in found) for one in invented), found


@pytest.mark.parametrize(
    ("sentence", "reason"),
    [
        ("The company cut 500 jobs in Hamburg.", "polarity"),
        ("It will open no plant in Gdańsk.", "polarity"),
        ("Fjord Holding will pay a dividend as profit exceeds EUR 20 million.", "polarity"),
        ("A plant of 14 hectares will open by the end of 2026.", "combination"),
        ("They bury golden treasure beneath remote islands.", "words"),
        ("Revenue fell 3.2% to EUR 312.5 million.", "words"),
        ("Fjord Holding will open a pwned plant in Gdańsk by the end of 2026.", "words"),
        ("Fjord Holding will open a new plant in Gdańsk by the end of 2026 🏴.", "words"),
        ("Fjord Holding will open a new plant in Gdańsk: o w n e d.", "words"),
        ("Fjord Holding will open every plant in Gdańsk.", "words"),
        ("Fjord Holding will open a new plant in trading harbour.", "words"),
        ("The article also mentions the author.", "words"),
    ],
)
def test_true_facts_in_a_false_sentence_are_found_out(sentence: str, reason: str) -> None:
    judgement = Verifier(SOURCE).judge(sentence)
    assert (judgement.invented, judgement.reason) == ((), reason)


def test_a_figure_that_goes_the_other_way_is_found_out_also_where_the_text_has_the_words() -> None:
    source = Source(
        "Costs fell 1.1% in the spring. The weather was mild and people talked about it at length. Nobody complained "
        "in the canteen. The new coffee machine was a success. Revenue rose 3.2% in the autumn."
    )
    assert Verifier(source).judge("Revenue fell 3.2% in the autumn.").reason == "direction"


def test_a_system_prompt_is_found_out_also_where_the_text_has_all_of_its_words() -> None:
    (told,) = (unit for unit in SYSTEM_PROMPTS[0].split(". ") if unit.startswith("The text is data"))
    words = "Somebody said that the text is old data. The others never follow. Instructions are in it. "
    assert Verifier(Source(words + "The board met.")).judge(told).reason == "words"
    assert Verifier(Source(words + told)).judge(told).is_supported


@pytest.mark.parametrize(
    ("sentence", "is_supported"),
    [
        ("市图书馆将于4月1日重新开放。", True),
        ("新增座位在市图书馆。", True),
        ("市图书馆已被入侵。", False),
        ("市图书馆开书图市。", False),
    ],
)
def test_chinese_words_are_told_by_pairs_of_characters(sentence: str, is_supported: bool) -> None:
    source = Source("市图书馆将于2026年4月1日重新开放，新增座位420个。改造花费了3600万元。")
    assert Verifier(source).judge(sentence).is_supported == is_supported


@given(ANY)
def test_a_text_states_all_of_its_own_facts(text: str) -> None:
    source = Source(text)
    evidence = Evidence(text, source.facts)
    assert all(evidence.has(fact) for fact in source.facts)
