"""The texts of the benchmarks, with facts and questions marked by hand: a TOML file for each in `corpus/` (CC0)."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "corpus"


@dataclass(frozen=True, slots=True)
class Marked:
    """A text with facts, and questions with answers, that a reader marked; the text contains each verbatim."""

    name: str
    kind: str
    language: str
    text: str
    facts: tuple[str, ...]
    questions: tuple[tuple[str, str], ...]


def load(folder: Path = FOLDER) -> list[Marked]:
    """All texts of `folder`, by name."""
    return [_read(path) for path in sorted(folder.glob("*.toml"))]


def _read(path: Path) -> Marked:
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    questions = tuple((entry["question"], entry["answer"]) for entry in data["questions"])
    text = data["text"].removeprefix("\n")
    return Marked(path.stem, data["kind"], data["language"], text, tuple(data["facts"]), questions)
