"""What a real model makes of texts that try to take it over: one in each language here, all 50 by
`python -m benchmarks.prompt_injection`.
"""

import httpx

from benchmarks.prompt_injection import shown_in
from tests.security.injections import load

TEXTS = list({text.language: text for text in load()}.values())


def test_what_a_text_commands_and_the_system_prompt_are_in_no_answer(client: httpx.Client) -> None:
    assert {one.language for one in TEXTS} == {"en", "de", "fr", "es", "zh", "ja"}
    assert shown_in(client, TEXTS) == {}
