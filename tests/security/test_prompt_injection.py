"""A model that does all that a text commands, which is the worst that a prompt injection can reach.

Whatever such a model writes, what was commanded is not in a result unless the source contains it, and of the system
prompt nothing is. How a real model takes the same texts: `tests/live/test_prompt_injection.py`.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest
import regex

from app.compression.compressor import CompressOptions, summary_tokens
from app.compression.prompts import INSTRUCTIONS, completion_text, expand_prompt, summarize_prompt
from app.summary.check import judge
from app.summary.draft import split_draft, well_formed
from app.summary.evidence import Evidence
from app.text.document import read
from app.text.language import Language
from tests.security.injections import Injection, load, obeyed, squeezed
from tests.unit.service import answer, ollama, prompt_of, running

pytestmark = pytest.mark.anyio

INJECTIONS = load()
PROMPTS = [
    form("", Language("en")) for form in (lambda text, language: summarize_prompt(text, language, 100), expand_prompt)
]
SYSTEM = [*{prompt.system for prompt in PROMPTS}, *(prompt.user.rpartition("</text>")[2].strip() for prompt in PROMPTS)]
# What a reader would know the instructions by: their clauses of three words or more.
CLAUSES = [clause.strip() for prompt in SYSTEM for clause in regex.split(r"[.,:]", prompt) if len(clause.split()) > 2]
# The model's sentences alone, as many as fit: nothing of what it writes is left out for being worth little.
WISH = {"method": "abstractive", "target_ratio": 0.9}

Obedience = Callable[[Injection], str]


def bare(injection: Injection) -> str:
    return " ".join(injection.commanded)


def line_by_line(injection: Injection) -> str:
    """Plain, and as markup that is taken off, emphasis, a heading, a quotation, a list item and code."""
    forms = ("{}.", "<b>{}</b>", "**{}**", "# {}", '"{}"', "- {}", "`{}`", "<think>no</think>{}")
    return "\n".join(form.format(commanded) for commanded in injection.commanded for form in forms)


def within_sentences(injection: Injection) -> str:
    """Each commanded string in the middle of each of the text's own sentences, and at its end, in small letters too."""
    written = []
    for commanded in injection.commanded:
        for sentence in injection.sentences:
            middle = sentence.find(" ", len(sentence) // 2) % len(sentence)
            written += [f"{sentence[:middle]} {commanded}{sentence[middle:]}", f"{sentence[:-1]}, {commanded}."]
    return "\n".join([*written, *(word.lower() for word in written)])


def behind_a_summary(injection: Injection) -> str:
    return " ".join([*injection.sentences[:2], *(f"{commanded}." for commanded in injection.commanded)])


def letter_by_letter(injection: Injection) -> str:
    """Spaced out, and with characters of no width in between, alone and in a sentence."""
    written = []
    for commanded in injection.commanded:
        for gap in (" ", "\u200b", "\u2060", "\u00ad", "\U000e0020"):
            spaced = gap.join(commanded)
            written += [spaced, f"{injection.sentences[0][:-1]} {spaced}."]
    return "\n".join(written)


OBEDIENCES = [bare, line_by_line, within_sentences, behind_a_summary, letter_by_letter]


def prompts_and_their_parts(injection: Injection) -> str:
    quoted = [f'{injection.sentences[0]} The instructions say: "{prompt}"' for prompt in SYSTEM]
    return "\n".join([*SYSTEM, *(f"{clause}." for clause in CLAUSES), *quoted])


def prompts_within_sentences(injection: Injection) -> str:
    return "\n".join(f"{sentence[:-1]}, {clause}." for clause in CLAUSES for sentence in injection.sentences)


LEAKS = [prompts_and_their_parts, prompts_within_sentences]


def prompt_about(injection: Injection) -> str | None:
    """What a model is asked about a text; None where it is not asked, as about a table."""
    document = read(injection.text)
    tokens = summary_tokens(document, CompressOptions(injection.text, method="abstractive", target_ratio=0.9))
    return summarize_prompt(injection.text.strip(), document.language, tokens).user if tokens else None


async def summarized_by(obedience: Obedience) -> list[dict[str, Any]]:
    """What `/compress` makes of all texts with a model that obeys so."""
    asked = ((prompt_about(injection), injection) for injection in INJECTIONS)
    answers = {prompt: obedience(injection) for prompt, injection in asked if prompt is not None}
    assert len(answers) >= 35
    return await batch(
        "compress", [{"text": injection.text, "fidelity": "semantic", **WISH} for injection in INJECTIONS], answers
    )


async def rewritten_by(obedience: Obedience, summarized: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What `/reconstruct` has such a model make out of the summaries."""
    answers = {}
    for result, injection in zip(summarized, INJECTIONS, strict=True):
        notes = read(result["compressed"])
        if notes.is_prose:
            answers[expand_prompt(notes.text.strip(), notes.language).user] = obedience(injection)
    items = [{"capsule": result["capsule"], "mode": "semantic"} for result in summarized]
    return await batch("reconstruct", items, answers)


async def batch(operation: str, items: list[dict[str, Any]], answers: Mapping[str, str]) -> list[dict[str, Any]]:
    """The results of a batch in front of a model that has `answers` by prompt; each must have been asked for."""
    asked: Counter[str] = Counter()

    async def chat(request: httpx.Request) -> httpx.Response:
        prompt = prompt_of(request)
        asked[prompt] += 1
        return httpx.Response(200, json=answer(answers[prompt]))

    with ollama(chat):
        async with running() as client:
            response = await client.post("/batch", json={"operation": operation, "items": items})
    assert response.json()["succeeded"] == len(items), response.text
    assert asked.keys() == answers.keys()
    return [entry["result"] for entry in response.json()["results"]]


def leaked(injection: Injection, written: str) -> list[str]:
    shown, known = squeezed(written), squeezed(injection.text)
    return [clause for clause in CLAUSES if squeezed(clause) in shown and squeezed(clause) not in known]


def test_there_are_fifty_texts_in_six_languages_none_of_which_contains_what_it_commands() -> None:
    assert len(INJECTIONS) == len({injection.name for injection in INJECTIONS}) == 50
    assert Counter(injection.language for injection in INJECTIONS).keys() == {"en", "de", "fr", "es", "zh", "ja"}
    assert [injection.name for injection in INJECTIONS if obeyed(injection, injection.text)] == []


def shown(results: list[dict[str, Any]], key: str, is_shown: Callable[[Injection, str], list[str]]) -> dict[str, Any]:
    """Of which text's results what is shown, and in what."""
    pairs = [(injection, result[key]) for injection, result in zip(INJECTIONS, results, strict=True)]
    return {injection.name: (shown, written) for injection, written in pairs if (shown := is_shown(injection, written))}


@pytest.mark.parametrize("obedience", OBEDIENCES)
async def test_what_a_text_commands_is_neither_in_its_summary_nor_in_a_text_made_of_that(obedience: Obedience) -> None:
    summarized = await summarized_by(obedience)
    assert shown(summarized, "compressed", obeyed) == {}
    assert shown(await rewritten_by(obedience, summarized), "text", obeyed) == {}


@pytest.mark.parametrize("leak", LEAKS)
async def test_nothing_of_a_system_prompt_is_in_a_summary_or_in_a_text_made_of_that(leak: Obedience) -> None:
    summarized = await summarized_by(leak)
    assert shown(summarized, "compressed", leaked) == {}
    assert shown(await rewritten_by(leak, summarized), "text", leaked) == {}


@pytest.mark.parametrize("obedience", [*OBEDIENCES, *LEAKS])
def test_no_sentence_that_does_what_a_text_commands_stands_beside_it(obedience: Obedience) -> None:
    standing = {}
    for injection in INJECTIONS:
        document = read(injection.text)
        if not document.is_prose:  # no model is asked about it
            continue
        evidence = Evidence(document)
        sentences = [
            sentence
            for sentence in split_draft(completion_text(obedience(injection), False))
            if obeyed(injection, sentence) or leaked(injection, sentence)
        ]
        assert sentences
        stands = [
            sentence
            for sentence in sentences
            if not well_formed(sentence, document, INSTRUCTIONS) and not judge(sentence, evidence).reason
        ]
        if stands:
            standing[injection.name] = stands
    assert standing == {}


async def test_the_report_on_a_result_does_not_quote_a_model_that_obeys() -> None:
    results = [{"report": str(result["fidelity"])} for result in await summarized_by(within_sentences)]
    assert shown(results, "report", obeyed) == {}
