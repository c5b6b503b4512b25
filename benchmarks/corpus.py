"""The benchmark's texts, each with its facts and questions marked by hand: one TOML file a text in `corpus/` (CC0)."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "corpus"


@dataclass(frozen=True, slots=True)
class Marked:
    """A text and what a careful reader marked in it; every fact and answer stands in it verbatim."""

    name: str
    kind: str
    language: str
    text: str
    facts: tuple[str, ...]
    questions: tuple[tuple[str, str], ...]

    @property
    def is_long_prose(self) -> bool:
        """Whether it is prose of over 1,000 characters."""
        return self.kind == "prose" and len(self.text) > 1000


def load(folder: Path = FOLDER) -> list[Marked]:
    """All texts of `folder`, by name."""
    return [_read(path) for path in sorted(folder.glob("*.toml"))]


def _read(path: Path) -> Marked:
    found = tomllib.loads(path.read_text(encoding="utf-8"))
    questions = tuple((asked["question"], asked["answer"]) for asked in found["questions"])
    text = found["text"].removeprefix("\n")
    return Marked(path.stem, found["kind"], found["language"], text, tuple(found["facts"]), questions)
