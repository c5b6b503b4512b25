"""`/compress` with chat messages in place of a text, in front of a mocked Ollama."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.unit.service import MODEL, SUMMARY, TEXT, answer, ollama, running, warmed_up
from tests.unit.transcripts import GREP, ORDERS, PYTEST, Messages, agent, calling, result

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]


async def posted(messages: object, *, writes: str = SUMMARY, **wish: Any) -> httpx.Response:
    with ollama(httpx.Response(200, json=answer(writes))):
        async with running() as client:
            await warmed_up()
            return await client.post("/compress", json={"messages": messages, **wish})


async def compressed(messages: Messages, **wish: Any) -> dict[str, Any]:
    response = await posted(messages, **wish)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def contents(answered: dict[str, Any]) -> list[Any]:
    return [message.get("content") for message in answered["messages"]]


async def test_old_tool_results_become_short_and_all_else_stays_as_it_is() -> None:
    source = agent()
    answered = await compressed(source)
    changed = {3, 4}
    assert [change["index"] for change in answered["changed"]] == sorted(changed)
    for at, (before, after) in enumerate(zip(source, answered["messages"], strict=True)):
        assert {**before, "content": None} == {**after, "content": None}
        assert (before["content"] == after["content"]) == (at not in changed)
    assert answered["method"] == "extractive"
    assert answered["usage"]["calls"] == 0


async def test_a_tool_result_is_shortened_by_its_kind() -> None:
    answered = await compressed(agent(), keep_last=0)
    log, matches, orders = (contents(answered)[at] for at in (3, 4, 6))
    assert "tests/test_tax.py::test_reduced_rate FAILED                        [100%]" in log.splitlines()
    assert set(matches.splitlines()[:-1]) <= set(GREP.splitlines())
    assert matches.splitlines()[-1].startswith("... ")
    rows = json.loads(orders)["rows"]
    assert any("card expired" in json.dumps(row) for row in rows)
    assert len(rows) < 81


async def test_without_a_measure_a_tool_result_has_about_500_tokens_at_most() -> None:
    answered = await compressed(agent(), keep_last=0)
    assert max(change["sizes"]["source_tokens"] for change in answered["changed"]) > 2000
    assert all(change["sizes"]["compressed_tokens"] <= 600 for change in answered["changed"])


async def test_a_capsule_gives_the_content_of_its_message_back() -> None:
    source = agent()
    with ollama(httpx.Response(200, json=answer(""))):
        async with running() as client:
            answered = (await client.post("/compress", json={"messages": source, "keep_last": 0})).json()
            assert answered["changed"]
            for change in answered["changed"]:
                back = await client.post("/reconstruct", json={"capsule": change["capsule"]})
                assert (back.json()["text"], back.json()["verified"]) == (source[change["index"]]["content"], True)


async def test_a_target_counts_over_all_that_may_be_compressed() -> None:
    for ratio in (0.1, 0.3):
        answered = await compressed(agent(), keep_last=2, target_ratio=ratio)
        older = answered["older"]
        assert older["messages"] == 5
        assert 0.8 * ratio <= older["token_ratio"] <= 1.15 * ratio
        assert older["compressed_tokens"] - older["source_tokens"] == (
            answered["sizes"]["compressed_tokens"] - answered["sizes"]["source_tokens"]
        )


async def test_what_was_said_comes_before_what_tools_answered() -> None:
    source = agent()
    source[1]["content"] = TEXT
    answered = await compressed(source, keep_last=2, target_ratio=0.1)
    assert contents(answered)[1:3] == [TEXT, source[2]["content"]]


async def test_what_the_user_wrote_stays_whole_unless_it_is_long_or_a_measure_is_given() -> None:
    for words, wish, stays in ((TEXT, {}, True), (TEXT * 4, {}, False), (TEXT, {"coverage": 0.5}, False)):
        answered = await compressed([{"role": "user", "content": words}], keep_last=0, **wish)
        assert (contents(answered) == [words]) == stays


async def test_with_a_target_what_the_user_asks_and_the_answer_to_it_stay() -> None:
    asks = (
        "Hello! I hope you are well. I booked a crossing from Kiel to Gothenburg for 14 December, booking NL-88213, two "
        "adults and a dog. Yesterday I got a mail that says the ship is replaced by another one. I am a bit worried, "
        "because the last time our cabin was suddenly gone and we had to sleep in chairs. Is our cabin still reserved?"
    )
    says = (
        "Hello and thank you for writing to us! The Stena Nova replaces the Aurora on 14 December because the Aurora is "
        "in the dock until 3 January. Your cabin 7214 was moved, but cabin 5108 on deck 5 is reserved for you. You will "
        "get 40 euros back within 10 days. Is there anything else that I can do for you?"
    )
    source = [{"role": "user", "content": asks}, {"role": "assistant", "content": says}]
    asked, answered_text = contents(await compressed(source, keep_last=0, target_ratio=0.3))
    assert "Is our cabin still reserved?" in asked
    assert "Your cabin 7214 was moved, but cabin 5108 on deck 5 is reserved for you." in answered_text


async def test_no_text_is_emptied_by_a_target_that_is_too_small() -> None:
    source = [{"role": ("user", "assistant")[at % 2], "content": TEXT.replace("24", str(at))} for at in range(20)]
    answered = await compressed(source, keep_last=0, target_ratio=0.01)
    assert all(contents(answered))
    assert answered["older"]["token_ratio"] < 0.3


async def test_the_same_message_becomes_the_same_text_however_the_conversation_goes_on() -> None:
    source = agent()
    first = await compressed(source, keep_last=2)
    more = await compressed([*source, {"role": "user", "content": "And the invoices?"}], keep_last=2)
    assert contents(first)[:7] == contents(more)[:7]


async def test_the_last_messages_begin_with_the_calls_of_their_results() -> None:
    source = agent()[:5]
    assert (await compressed(source, keep_last=1))["messages"] == source
    answered = await compressed([*source, {"role": "assistant", "content": "Done."}], keep_last=1)
    assert [change["index"] for change in answered["changed"]] == [3, 4]


async def test_system_messages_do_not_count_as_last_messages() -> None:
    source = [*agent()[:7], {"role": "system", "content": TEXT}, {"role": "developer", "content": TEXT}]
    assert [change["index"] for change in (await compressed(source, keep_last=2))["changed"]] == [3, 4]


@pytest.mark.parametrize("keep_last", [9, 10**18])
async def test_more_last_messages_than_there_are_leave_all_as_they_are(keep_last: int) -> None:
    answered = await compressed(agent(), keep_last=keep_last)
    assert (answered["messages"], answered["changed"], answered["method"]) == (agent(), [], "verbatim")


async def test_a_tool_result_without_its_call_passes_as_it_is() -> None:
    for lonely in (
        {"role": "tool", "content": PYTEST},
        result("call_9", PYTEST),
        {"role": "function", "name": "f", "content": PYTEST},
    ):
        answered = await compressed([lonely, *agent()], keep_last=0)
        assert answered["messages"][0] == lonely
        assert 1 + 3 in [change["index"] for change in answered["changed"]]


async def test_results_of_ollama_and_of_the_older_api_of_openai_are_matched_without_ids() -> None:
    call = {"function": {"name": "pytest", "arguments": {"path": "tests"}}}
    source: Messages = [
        {"role": "user", "content": "Run the tests."},
        {"role": "assistant", "content": "", "thinking": TEXT * 3, "tool_calls": [call]},
        {"role": "tool", "tool_name": "pytest", "content": PYTEST},
        {"role": "assistant", "content": None, "function_call": {"name": "list_orders", "arguments": "{}"}},
        {"role": "function", "name": "list_orders", "content": ORDERS},
    ]
    answered = await compressed(source, keep_last=0)
    assert [change["index"] for change in answered["changed"]] == [2, 4]
    assert answered["messages"][1] == source[1]


async def test_of_content_parts_only_the_texts_change() -> None:
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{'A' * 9000}", "detail": "low"}}
    parts = [
        {"type": "text", "text": PYTEST, "cache_control": {"type": "ephemeral"}},
        image,
        {"type": "text", "text": ORDERS},
    ]
    source: Messages = [{"role": "user", "content": parts, "weight": 0.5}, {"role": "assistant", "content": "I see."}]
    answered = await compressed(source, keep_last=1)
    first, second, third = answered["messages"][0]["content"]
    assert [(change["index"], change["part"]) for change in answered["changed"]] == [(0, 0), (0, 2)]
    assert (second, first["cache_control"], answered["messages"][0]["weight"]) == (image, {"type": "ephemeral"}, 0.5)
    assert len(first["text"]) < len(PYTEST)
    assert json.loads(third["text"])["columns"]


async def test_fields_that_the_service_does_not_know_pass_unchanged() -> None:
    message = {"role": "assistant", "content": None, "audio": {"id": "a1"}, "refusal": None, "x": [1, 2.5, {"y": None}]}
    source: Messages = [
        message,
        {"role": "user", "content": "", "images": ["AAAA"]},
        {"role": "control", "content": "thinking"},
    ]
    answered = await compressed(source, keep_last=0)
    assert json.dumps(answered["messages"]) == json.dumps(source)


async def test_a_string_that_must_be_kept_stays_in_the_message_that_has_it() -> None:
    literal = "tests/test_cart.py::test_case_050 PASSED"
    assert literal not in contents(await compressed(agent(), keep_last=0))[3]
    for wish in ({}, {"target_ratio": 0.1}):
        kept = await compressed(agent(), keep_last=0, must_keep=[literal, "Open the pull request", "call_2"], **wish)
        assert literal in contents(kept)[3]


async def test_a_question_decides_what_stays_of_a_tool_result() -> None:
    wish = {"keep_last": 0, "target_ratio": 0.05}
    answered = await compressed(agent(), question="What does src/shop/module_63.py do?", **wish)
    assert "src/shop/module_63.py" in contents(answered)[4]


async def test_what_the_user_asks_last_decides_which_tool_result_gets_more_of_a_budget() -> None:
    async def texts(last: str) -> list[str]:
        source = [*agent()[:7], {"role": "user", "content": last}]
        answered = await compressed(source, keep_last=1, target_ratio=0.1)
        return [contents(answered)[at] for at in (4, 6)]

    grep, orders = await texts("Which module calls rate_of with the tax?")
    less, more = await texts("Which refund failed, and was the card expired?")
    assert len(less) < len(grep)
    assert len(orders) < len(more)


async def test_the_model_is_asked_about_long_prose_that_is_not_the_assistants() -> None:
    page = "\n\n".join(TEXT.replace("24", str(at)) for at in range(4))
    for role, calls in (("user", 1), ("assistant", 0)):
        source = [{"role": role, "content": page}, {"role": "user", "content": "Thanks."}]
        answered = await compressed(source, keep_last=1)
        assert (answered["usage"]["calls"], answered["usage"]["model"]) == (calls, MODEL)
    assert (await compressed([{"role": "user", "content": page}], keep_last=0, method="extractive"))["usage"][
        "calls"
    ] == 0
    for wish in ({}, {"target_ratio": 0.2}):
        wished = await compressed([{"role": "user", "content": page}], keep_last=0, method="abstractive", **wish)
        assert (wished["method"], contents(wished)) == ("abstractive", [SUMMARY])


async def test_an_engine_that_fails_fails_the_request_unless_it_may_go_on_without() -> None:
    page = "\n\n".join(TEXT.replace("24", str(at)) for at in range(4))
    source = [{"role": "user", "content": page}]
    with ollama(httpx.Response(500, json={"error": "no memory"})):
        async with running(engine_retries=0) as client:
            failed = await client.post("/compress", json={"messages": source, "keep_last": 0})
            went_on = await client.post(
                "/compress", json={"messages": source, "keep_last": 0, "on_engine_error": "extractive"}
            )
    assert (failed.status_code, went_on.status_code, went_on.json()["method"]) == (502, 200, "extractive")


async def test_what_was_compressed_before_comes_from_the_cache() -> None:
    page = "\n\n".join(TEXT.replace("24", str(at)) for at in range(4))
    source = [{"role": "user", "content": page}, {"role": "assistant", "content": "I see."}]
    with ollama(httpx.Response(200, json=answer(SUMMARY))):
        async with running(cache_bytes=2**20) as client:
            await warmed_up()
            first = (await client.post("/compress", json={"messages": source, "keep_last": 1})).json()
            longer = [*source, {"role": "user", "content": "Go on."}]
            second = (await client.post("/compress", json={"messages": longer, "keep_last": 1})).json()
    assert (first["usage"]["calls"], first["usage"]["cached"]) == (1, False)
    assert (second["usage"]["calls"], second["usage"]["cached"]) == (0, True)
    assert first["messages"][0] == second["messages"][0]


async def test_a_batch_takes_conversations_too() -> None:
    items = [{"messages": agent(), "keep_last": 0}, {"text": TEXT}, {"messages": [{"role": "wizard"}]}]
    with ollama(httpx.Response(200, json=answer(SUMMARY))):
        async with running() as client:
            response = await client.post("/batch", json={"operation": "compress", "items": items})
    conversation, text, refused = response.json()["results"]
    assert len(conversation["result"]["messages"]) == len(agent())
    assert text["result"]["compressed"]
    assert refused["problem"]["detail"].startswith("messages.0.role: ")


async def test_conversations_over_the_limit_are_refused_by_what_may_be_compressed_of_them() -> None:
    async with running(max_text_bytes=len(PYTEST)) as client:
        source = agent()
        refused = await client.post("/compress", json={"messages": source, "keep_last": 0})
        taken = await client.post("/compress", json={"messages": source, "keep_last": 6})
    assert (refused.status_code, taken.status_code) == (413, 200)
    assert refused.json()["detail"].startswith("messages: ")
    assert "CONDENSER_MAX_TEXT_BYTES" in refused.json()["detail"]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({}, "text: Field required"),
    ({"messages": []}, "messages: "),
    ({"messages": "hello"}, "messages: "),
    ({"messages": ["hello"]}, "messages.0: "),
    ({"messages": [{"role": "user", "content": "a"}, {"role": "wizard", "content": "a"}]}, "messages.1.role: "),
    ({"messages": [{"content": "a"}]}, "messages.0.role: "),
    ({"messages": [{"role": "user", "content": 5}]}, "messages.0.content: a string, a list"),
    ({"messages": [{"role": "user", "content": ["a"]}]}, "messages.0.content.0: "),
    ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages.0.content.0: "),
    ({"messages": [{"role": "user", "content": [{"text": "a"}]}]}, "messages.0.content.0.type: "),
    ({"messages": [{"role": "assistant", "tool_calls": [5]}]}, "messages.0.tool_calls.0: "),
    ({"messages": [{"role": "user", "content": "a"}], "text": "a"}, "body: text can't be given together with messages"),
    ({"messages": [{"role": "user", "content": "a"}], "content_type": "csv"}, "body: content_type can't be given"),
    ({"messages": [{"role": "user", "content": "a"}], "keep_last": -1}, "keep_last: "),
    ({"messages": [{"role": "user", "content": "a"}], "keep_last": "4"}, "keep_last: "),
    ({"messages": [{"role": "user", "content": "a"}], "keep": 4}, "keep: no such field"),
    ({"messages": [{"role": "user", "content": "a"}], "must_keep": ["b"]}, "must_keep: 'b' does not stand in the"),
    (
        {"messages": [{"role": "user", "x": json.loads("[" * 70 + "]" * 70)}]},
        "messages.0: nested deeper than 64 levels",
    ),
    ({"text": "a", "keep_last": 4}, "keep_last: no such field"),
]


@pytest.mark.parametrize(("body", "detail"), REFUSED, ids=[detail for _, detail in REFUSED])
async def test_what_is_no_conversation_is_refused_by_the_name_of_its_place(body: dict[str, Any], detail: str) -> None:
    async with running() as client:
        response = await client.post("/compress", json=body)
    assert (response.status_code, response.json()["type"]) == (422, "urn:condenser:problem:invalid_request")
    assert response.json()["detail"].startswith(detail)


async def test_ten_thousand_messages_come_back() -> None:
    source = [{"role": ("user", "assistant")[at % 2], "content": f"Message {at}."} for at in range(10_000)]
    for wish in ({}, {"target_ratio": 0.1}):
        assert (await compressed(source, **wish))["messages"] == source


async def test_messages_without_content_come_back_as_they_are() -> None:
    source: Messages = [
        {"role": "user", "content": ""},
        calling(None, ("call_1", "f")),
        result("call_1", ""),
        {"role": "assistant"},
        {"role": "user", "content": []},
        {"role": "user", "content": " \n "},
    ]
    for wish in ({}, {"target_ratio": 0.1}, {"coverage": 0.1}):
        assert (await compressed(source, keep_last=0, **wish))["messages"] == source


async def test_the_example_of_the_openapi_document_is_what_the_service_answers() -> None:
    with ollama(httpx.Response(200, json=answer(""))):
        async with running() as client:
            schemas = (await client.get("/openapi.json")).json()["components"]["schemas"]
            assert schemas["CompressMessagesRequest"]["properties"]["keep_last"]["minimum"] == 0
            (request,) = schemas["CompressMessagesRequest"]["examples"]
            (shown,) = schemas["CompressMessagesResponse"]["examples"]
            answered = (await client.post("/compress", json=request)).json()
    assert answered["messages"] == shown["messages"]
    assert [change["fidelity"] for change in answered["changed"]] == [change["fidelity"] for change in shown["changed"]]
    assert (answered["older"], answered["cost"]) == (shown["older"], shown["cost"])
    assert answered["sizes"].keys() == shown["sizes"].keys()


async def test_the_example_of_the_guide_becomes_what_the_guide_says() -> None:
    body = json.loads((ROOT / "examples" / "messages.json").read_text())
    guide = (ROOT / "docs" / "messages.md").read_text()
    answered = await compressed(body["messages"])
    assert str(answered["older"]) in guide
    assert f"```\n{contents(answered)[3]}\n```" in guide
    assert "\n".join(contents(answered)[5].splitlines()[:11]) in guide
