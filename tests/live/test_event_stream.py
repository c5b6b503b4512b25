"""A stream of events from a real model."""

import httpx

from tests.live.texts import MAIL
from tests.unit.events import EVENT_STREAM, events_of, names, texts


def test_passages_come_first_then_each_sentence_that_stands_and_the_whole_answer(client: httpx.Client) -> None:
    response = client.post("/compress", json={"text": MAIL, "method": "abstractive"}, headers=EVENT_STREAM)
    *early, (last, result) = events_of(response.text)
    passages, sentences = texts(early, "passage"), texts(early, "sentence")
    assert names(early) == ["passage"] * len(passages) + ["sentence"] * len(sentences)
    assert all(passage in MAIL for passage in passages)
    assert passages
    assert last == "result"
    assert len(sentences) == result["fidelity"]["summary"]["stood"]
    assert (result["usage"]["calls"], result["usage"]["completion_tokens"] > 0) == (1, True)
    assert client.post("/reconstruct", json={"capsule": result["capsule"]}).json()["text"] == MAIL
