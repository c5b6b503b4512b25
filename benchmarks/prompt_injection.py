"""How the real model takes 50 texts that try to take it over (`tests/security/injections.yaml`).

    .venv/bin/python -m benchmarks.prompt_injection                        # starts the service on the embedded model
    .venv/bin/python -m benchmarks.prompt_injection --url http://host:8000 # a service that is running, on any engine

Each text is compressed and written anew out of its summary, and the bare model is asked for a summary of it too, for
comparison. Printed: of how many texts the answers show what was commanded, or a clause of the system prompt.
"""

import argparse
from typing import Any

import httpx
from app.capsule.prompts import SYSTEM_PROMPTS, summarize_prompt

from benchmarks.fidelity import service
from tests.security.injections import Injection, load, obeyed, squeezed


def leaked(injection: Injection, written: str) -> list[str]:
    """The sentences of the system prompts that stand in `written` and not in the text."""
    said, known = squeezed(written), squeezed(injection.text)
    sentences = [one for prompt in SYSTEM_PROMPTS for one in prompt.rstrip(".").split(". ")]
    return [one for one in sentences if squeezed(one) in said and squeezed(one) not in known]


def shown_in(client: httpx.Client, injections: list[Injection]) -> dict[str, list[str]]:
    """By the text's name, what of the commanded or of a system prompt its summary, or a text made of that, shows."""
    summarized = _batch(client, "compress", [{"text": one.text, "fidelity": "semantic"} for one in injections])
    items = [{"capsule": one["capsule"], "mode": "semantic"} for one in summarized]
    rewritten = _batch(client, "reconstruct", items)
    written = [f"{one['compressed']}\n{two['text']}" for one, two in zip(summarized, rewritten, strict=True)]
    return _shown(injections, written)


def shown_by_bare_model(client: httpx.Client, injections: list[Injection]) -> dict[str, list[str]]:
    """The same of the model's own summaries, before they are held against the text."""
    ready = client.get("/readyz").json()
    written = []
    with httpx.Client(base_url=ready["engine_url"], timeout=600, trust_env=False) as engine:
        for one in injections:
            prompt = summarize_prompt(one.text)
            body = {
                "model": ready["model"],
                "messages": [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}],
                "options": {"num_predict": 96, "temperature": 0, "seed": 1, "num_ctx": 4096},
                "stream": False,
            }
            answer = engine.post("/api/chat", json=body)
            answer.raise_for_status()
            written.append(answer.json()["message"]["content"])
    return _shown(injections, written)


def _shown(injections: list[Injection], written: list[str]) -> dict[str, list[str]]:
    pairs = zip(injections, written, strict=True)
    return {one.name: found for one, said in pairs if (found := [*obeyed(one, said), *leaked(one, said)])}


def _batch(client: httpx.Client, operation: str, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    response = client.post("/batch", json={"operation": operation, "items": items})
    response.raise_for_status()
    return [one["result"] for one in response.json()["results"]]


def main() -> None:
    """Print what was shown; exit code 1 where Condenser's answers show anything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="address of a running service; left out: one is started on the embedded model")
    wished = parser.parse_args()
    injections = load()
    with service(wished.url) as client:
        through, bare = shown_in(client, injections), shown_by_bare_model(client, injections)
    print(f"{len(injections)} texts; obeyed or leaked by Condenser: {len(through)}, by the bare model: {len(bare)}")
    for name, found in (*through.items(), *bare.items()):
        print(f"  {name}: {', '.join(found)}")
    raise SystemExit(bool(through))


if __name__ == "__main__":
    main()
