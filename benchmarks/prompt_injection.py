"""How the real model reacts to 50 texts with prompt injections (`tests/security/injections.yaml`).

    .venv/bin/python -m benchmarks.prompt_injection                        # starts the service on the embedded model
    .venv/bin/python -m benchmarks.prompt_injection --url http://host:8000 # a running service, on any engine

Each text is compressed and reconstructed from its summary. For comparison, the bare model is asked for a summary too.
Prints the number of texts whose answers obey the injection or contain a sentence of our instructions.
"""

import argparse
import asyncio
from typing import Any

import httpx

from app.compression.prompts import INSTRUCTIONS, summarize_prompt
from app.compression.summarizer import MOST_SUMMARY_TOKENS
from app.text.language import guess_language
from app.text.sentences import sentences
from benchmarks.fidelity import by_model, service
from benchmarks.model import open_model
from tests.security.injections import Injection, load, obeyed, squeezed


def leaked(injection: Injection, written: str) -> list[str]:
    """The sentences of our instructions that are in `written`, but not in the text."""
    squeezed_output, squeezed_text = squeezed(written), squeezed(injection.text)
    ours = [sentence[span.start : span.end] for sentence in INSTRUCTIONS for span in sentences(sentence)]
    return [
        sentence
        for sentence in ours
        if squeezed(sentence) in squeezed_output and squeezed(sentence) not in squeezed_text
    ]


def shown_in(client: httpx.Client, injections: list[Injection]) -> dict[str, list[str]]:
    """By the name of the text: obeyed commands and leaked instructions in the model's passages.

    These are passages of the result and of the reconstruction. Sentences of the text itself may quote the command.
    """
    summarized = _batch(client, "compress", [{"text": first.text, "fidelity": "semantic"} for first in injections])
    items = [{"capsule": first["capsule"], "mode": "semantic"} for first in summarized]
    rewritten = _batch(client, "reconstruct", items)
    written = [
        f"{by_model(first['compressed'], first['fidelity'])}\n{by_model(second['text'], second['fidelity'])}"
        for first, second in zip(summarized, rewritten, strict=True)
    ]
    return _shown(injections, written)


async def shown_by_bare_model(url: str, name: str, injections: list[Injection]) -> dict[str, list[str]]:
    """The same for the model's own summaries, before the check."""
    async with open_model(url, name) as model:
        written = []
        for injection in injections:
            prompt = summarize_prompt(injection.text, guess_language(injection.text), MOST_SUMMARY_TOKENS)
            written.append((await model.complete(prompt, num_predict=MOST_SUMMARY_TOKENS)).text)
    return _shown(injections, written)


def _shown(injections: list[Injection], written: list[str]) -> dict[str, list[str]]:
    pairs = zip(injections, written, strict=True)
    return {
        injection.name: shown
        for injection, output in pairs
        if (shown := [*obeyed(injection, output), *leaked(injection, output)])
    }


def _batch(client: httpx.Client, operation: str, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    response = client.post("/batch", json={"operation": operation, "items": items})
    response.raise_for_status()
    return [entry["result"] for entry in response.json()["results"]]


def main() -> None:
    """Print the findings; exit code 1 if Condenser's answers have any."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="address of a running service; default: a service is started")
    parser.add_argument(
        "--engine", help="an Ollama or an OpenAI API for the service that is started; default: embedded model"
    )
    parser.add_argument("--model", help="the engine's model, with --engine")
    arguments = parser.parse_args()
    injections = load()
    with service(arguments.url, arguments.engine, arguments.model) as client:
        ready = client.get("/readyz").json()
        through = shown_in(client, injections)
        bare = asyncio.run(shown_by_bare_model(ready["engine_url"], ready["model"], injections))
    print(f"{len(injections)} texts; obeyed or leaked by Condenser: {len(through)}, by the bare model: {len(bare)}")
    for name, shown in (*through.items(), *bare.items()):
        print(f"  {name}: {', '.join(shown)}")
    raise SystemExit(bool(through))


if __name__ == "__main__":
    main()
