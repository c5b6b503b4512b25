"""What a real model makes of texts that try to take it over: of three languages here, all 50 texts by
`python -m benchmarks.prompt_injection`.
"""

import httpx

from benchmarks.prompt_injection import shown_in
from tests.security.injections import load

TEXTS = list({text.language: text for text in load() if text.language in ("en", "fr", "zh")}.values())


def test_what_a_text_commands_and_the_system_prompt_are_in_no_answer(client: httpx.Client) -> None:
    assert len(TEXTS) == 3
    assert shown_in(client, TEXTS) == {}
