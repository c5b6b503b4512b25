"""What a real model makes of texts that try to take it over: ten here, all 50 by
`python -m benchmarks.prompt_injection`.
"""

import httpx

from benchmarks.prompt_injection import shown_in
from tests.security.injections import load

TEXTS = [one for number, one in enumerate(load()) if number % 5 == 0]


def test_what_a_text_commands_and_the_system_prompt_are_in_no_answer(client: httpx.Client) -> None:
    assert {one.language for one in TEXTS} == {"en", "de", "fr", "es", "zh", "ja"}
    assert shown_in(client, TEXTS) == {}
