"""What holds for any text, any options and whatever the model writes."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.capsule.format import unseal
from app.compression.compressor import Compressed, CompressOptions, _made, _read
from app.compression.prompts import INSTRUCTIONS
from app.compression.summarizer import Summary
from app.summary.check import Claim, Dropped, judge
from app.summary.draft import split_draft, well_formed
from app.summary.evidence import Evidence
from app.summary.report import MOST_MISSING
from app.text.document import Document, read
from app.text.facts import find_facts
from app.text.span import Span
from app.text.values import normalise
from tests.unit.service import TEXT, answer, ollama, running, warmed_up
from tests.unit.strategies import ANY

SENTENCES = """
The council of Brevik approved the terminal on 12 May 2025.|It costs 48 million
euros.|However, nobody paid.|Dogs are not allowed.|Der Rat hat am 3. Mai nicht
zugestimmt.|Le conseil a dit « oui » à 18 h 30.|公司在2025年5月开业。|会議は10時に始まる。 |Он не
пришёл.|أعلنت الشركة نتائجها اليوم.|- a list item with INV-2231|# A heading|> quoted
words are here|Anna: When is it?| Ben: At 10:30.|"key": "value",|<p>Some text.</p>|| a |
1 ||2026-05-03 10:00:00 ERROR pump P-17 failed|Dear Maria,|Best regards,| Unless the
pump fails.|Yes.|https://a.example/b?c=1|...|😀
""".replace("\n", " ").split("|")
TEXTS = ANY | st.lists(st.sampled_from([*SENTENCES, "\n", "\n\n", "\r\n", "  "]), max_size=40).map(" ".join)


@st.composite
def options(draw: st.DrawFn) -> CompressOptions:
    """Options for a text, with strings to be kept that stand in it."""
    text = draw(TEXTS)
    literals = []
    if text.strip():
        for _ in range(draw(st.integers(0, 2))):
            start = draw(st.integers(0, len(text) - 1))
            literals.append(text[start : start + draw(st.integers(1, 30))])
    return CompressOptions(
        text,
        fidelity=draw(st.sampled_from(["exact", "semantic"])),
        target_ratio=draw(st.none() | st.floats(0.01, 1.0)),
        coverage=draw(st.floats(0.01, 1.0)),
        method=draw(st.sampled_from(["auto", "abstractive", "extractive"])),
        question=draw(st.none() | st.sampled_from(["What does it cost?", "Wann?", "为什么？", "?"])),
        must_keep=tuple(literals),
    )


@st.composite
def completions(draw: st.DrawFn, text: str) -> str:
    """What a model may write: sentences of the text, as they are or changed, of other texts, or anything at all."""
    document = read(text)
    own = [document.text_of(at) for at in range(len(document.units))]
    sentence = st.sampled_from([*own, *SENTENCES, *INSTRUCTIONS]) | st.text(max_size=40)
    changed = sentence.map(lambda text: text.replace("not ", "").replace("4", "7"))
    return draw(st.lists(sentence | changed, max_size=6).map("\n".join))


def compressed(options: CompressOptions, completion: str) -> tuple[Document, Compressed]:
    """A compression with a model that has written `completion`."""
    document, keep = _read(options)
    evidence = Evidence(document)
    claims, dropped = [], []
    for sentence in split_draft(completion):
        reason = well_formed(sentence, document, INSTRUCTIONS)
        judgement = judge(sentence, evidence)
        if (reason or judgement.reason) is None:
            claims.append(Claim(sentence, judgement.support, judgement.units))
        else:
            dropped.append(Dropped(sentence, reason or judgement.reason or "support"))
    summary = None if options.method == "extractive" else Summary(tuple(claims), tuple(dropped))
    return document, _made(document, keep, summary, options, "m", failed=False)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_result_can_be_trusted_and_nothing_vanishes_unseen(data: st.DataObject) -> None:
    wish = data.draw(options())
    document, made = compressed(wish, data.draw(completions(wish.text)))
    text, report = wish.text, made.report
    starts = {unit.start for unit in document.units}
    ends = {unit.end for unit in document.units}
    evidence = Evidence(document)
    if made.method != "verbatim":
        check_passages_make_up(made)
    for passage in report.passages:
        passage_text = made.text[passage.start : passage.end]
        assert 0 <= passage.support <= 1
        if passage.by == "source" and any(span in of_forms(document) for span in passage.source):
            continue  # rendered by its form, which the tests of the kinds are about
        if passage.by == "source":
            (span,) = passage.source
            assert text[span.start : span.end] == passage_text
            assert span.start in starts
            assert span.end in ends
        else:
            assert well_formed(passage_text, document, INSTRUCTIONS) is None
            assert judge(passage_text, evidence).reason is None
            figures = [fact for fact in find_facts(passage_text, document.language) if fact.kind != "name"]
            assert all(
                set(fact.key.split("..")) & evidence.all_keys or fact.key in evidence.all_keys for fact in figures
            )
            assert all(span.start in starts and span.end in ends for span in passage.source)
    check_each_unit_once(document, made)
    check_missing(made)
    assert all(literal.strip() in made.text for literal in wish.must_keep)
    content = unseal(made.capsule, 10**6)
    assert content.summary == made.text
    assert wish.fidelity == "semantic" or content.source == text


def of_forms(document: Document) -> list[Span]:
    """The runs of units that a form renders."""
    formed = [unit for unit in document.units if document.blocks[unit.block].form]
    return [Span(first.start, last.end) for first in formed for last in formed if first.block == last.block]


def check_passages_make_up(made: Compressed) -> None:
    """Between the passages stand separators only."""
    reach = 0
    for passage in made.report.passages:
        assert reach <= passage.start < passage.end
        assert made.text[reach : passage.start] in ("", " ", "\n", "\n\n")
        reach = passage.end
    assert reach == len(made.text)


def check_each_unit_once(document: Document, made: Compressed) -> None:
    """Each unit is in one passage of the source or omitted, never both."""
    taken = [passage.source[0] for passage in made.report.passages if passage.by == "source"]
    for unit in document.units:
        around = [span for span in (*taken, *made.report.omitted) if span.start <= unit.start and unit.end <= span.end]
        assert len(around) == 1


def check_missing(made: Compressed) -> None:
    """What is missing is bounded, counted and not in the result."""
    report = made.report
    assert report.kept + report.missing_count == report.facts
    assert len(report.missing) <= min(MOST_MISSING, report.missing_count)
    assert all(f" {normalise(fact)} " not in f" {normalise(made.text)} " for fact in report.missing)


ANSWERED = [
    TEXT,
    "",
    "x",
    " ".join(SENTENCES) * 3,
    "| a | 1 |\n" * 200,
    "Is it so? " * 300,
    "今天下雨了。" * 200,
    "1 2 3\n" * 500,
]


@pytest.mark.anyio
@pytest.mark.parametrize("text", ANSWERED, ids=range(len(ANSWERED)))
@pytest.mark.parametrize("wish", [{}, {"target_ratio": 0.3}, {"coverage": 0.2, "method": "abstractive"}])
async def test_an_answer_is_hardly_larger_than_source_and_result(text: str, wish: dict[str, Any]) -> None:
    with ollama(httpx.Response(200, json=answer(" ".join(SENTENCES)))):
        async with running() as client:
            await warmed_up()
            response = await client.post("/compress", json={"text": text, **wish})
    body = response.json()
    source, result = (len(json.dumps(value, ensure_ascii=False).encode()) for value in (text, body["compressed"]))
    passages = len(body["fidelity"]["passages"])
    assert len(response.content) <= source + result + 2048 + 80 * passages
