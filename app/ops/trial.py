"""The calls that `condenser acceptance` makes."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files

from app.ops.client import Answer, ServiceClient

LENGTHS = (215, 1020, 2100)


@dataclass(frozen=True, slots=True)
class Done:
    """A text, its answer and how long that took in seconds. The shortest texts are answered without the model."""

    text: str
    answer: Answer
    seconds: float

    @property
    def is_counted(self) -> bool:
        """Whether the engine worked on it: an answer without a model call says nothing about its speed."""
        return int(self.answer["usage"]["calls"]) > 0


def texts_of(length: int, count: int, dice: random.Random) -> list[str]:
    """`count` different texts of `length` characters, minus a word at most, each with its own reference.

    The texts are shipped and were written for this project; the reference keeps caches from recognising them.
    """
    shipped = files("app.ops").joinpath("data/texts.txt").read_text(encoding="utf-8").split("\n%%\n")
    long_enough = [text for text in shipped if len(text) >= length]
    chosen = dice.sample(long_enough, min(count, len(long_enough)))
    while len(chosen) < count:
        chosen.append(dice.choice(long_enough))
    return [_cut(f"Reference {dice.randrange(10**6, 10**7)}. {text}", length) for text in chosen]


def _cut(text: str, length: int) -> str:
    cut = text[: length - 1]
    return cut[: cut.rindex(" ")].rstrip(" ,;:.") + "."


class Progress:
    """Reports how many texts of a step are done, at most every `EVERY_S` seconds."""

    EVERY_S = 3.0

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._clock = clock
        self._last_s = clock()

    def begin(self, step: str) -> None:
        """Announce the next step."""
        self._say(f"{step} ...")
        self._last_s = self._clock()

    def ended(self, done: int, total: int) -> None:
        """Report that `done` of the step's texts are done."""
        if self._clock() - self._last_s >= self.EVERY_S:
            self._say(f"  {done} of {total} done")
            self._last_s = self._clock()


class Trial:
    """The calls of one run and their results so far. Times in seconds."""

    def __init__(self, client: ServiceClient, progress: Progress) -> None:
        self._client = client
        self._progress = progress
        self._dice = random.Random()  # to choose texts, not for secrets  # noqa: S311 # nosec B311
        self.by_length: dict[int, list[Done]] = {length: [] for length in LENGTHS}
        self.reconstructed: list[tuple[float, bool]] = []
        self.alone: list[Done] = []
        self.batch: list[Done] = []
        self.batch_s = 0.0

    @property
    def done(self) -> list[Done]:
        """Every text that was compressed."""
        return [*(item for items in self.by_length.values() for item in items), *self.alone, *self.batch]

    def run(self, texts: int, rounds: int) -> None:
        """Make all calls: texts of each length, their reconstruction, texts one after the other, and one batch."""
        lengths = ", ".join(f"{length:,}" for length in LENGTHS)
        self._progress.begin(f"compressing {rounds} texts each of {lengths} characters")
        plan = [(length, text) for length in LENGTHS for text in texts_of(length, rounds, self._dice)]
        for at, (length, text) in enumerate(plan):
            self.by_length[length].append(self._compressed(text))
            self._progress.ended(at + 1, len(plan))
        self._progress.begin("reconstructing them")
        for item in self.done:
            started = time.perf_counter()
            answer = self._client.reconstruct(item.answer["capsule"], "exact")
            self.reconstructed.append((time.perf_counter() - started, answer["text"] == item.text))
        self._progress.begin(f"compressing {texts} texts one after the other")
        for at, text in enumerate(self._mixed(texts)):
            self.alone.append(self._compressed(text))
            self._progress.ended(at + 1, texts)
        self._progress.begin(f"compressing {texts} texts in one batch")
        self._compress_together(self._mixed(texts))

    def _mixed(self, count: int) -> list[str]:
        """Texts of all lengths, alternating."""
        return [texts_of(LENGTHS[at % len(LENGTHS)], 1, self._dice)[0] for at in range(count)]

    def _compressed(self, text: str) -> Done:
        started = time.perf_counter()
        answer = self._client.compress({"text": text})
        return Done(text, answer, time.perf_counter() - started)

    def _compress_together(self, texts: Sequence[str]) -> None:
        started = time.perf_counter()
        for at, result in enumerate(self._client.batch_lines("compress", [{"text": text} for text in texts])):
            self.batch_s = time.perf_counter() - started
            if "result" in result:
                self.batch.append(Done(texts[result["index"]], result["result"], self.batch_s / (at + 1)))
            self._progress.ended(at + 1, len(texts))
