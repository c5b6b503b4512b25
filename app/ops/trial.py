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
    """A text, the answer to it, and how long that took, seconds. The shortest texts are answered without the model."""

    text: str
    answer: Answer
    seconds: float

    @property
    def is_counted(self) -> bool:
        """Whether the engine worked for it: an answer without a call in the engine tells nothing of its speed."""
        return int(self.answer["usage"]["calls"]) > 0


def texts_of(length: int, count: int, dice: random.Random) -> list[str]:
    """`count` different texts of `length` characters, less a word at most, each with a reference of its own.

    The texts are shipped, written for this project; the reference keeps any cache from knowing them.
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
    """Says how many of a step's texts are done, `EVERY_S` seconds apart at least."""

    EVERY_S = 3.0

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._clock = clock
        self._last_s = clock()

    def begin(self, step: str) -> None:
        """Name the next step."""
        self._say(f"{step} ...")
        self._last_s = self._clock()

    def ended(self, done: int, total: int) -> None:
        """So many of the step's texts are done."""
        if self._clock() - self._last_s >= self.EVERY_S:
            self._say(f"  {done} of {total} done")
            self._last_s = self._clock()


class Trial:
    """The calls of one run, and what they brought as far as it came. Seconds."""

    def __init__(self, client: ServiceClient, progress: Progress) -> None:
        self._client = client
        self._progress = progress
        self._dice = random.Random()  # draws texts, no secrets  # noqa: S311 # nosec B311
        self.by_length: dict[int, list[Done]] = {length: [] for length in LENGTHS}
        self.reconstructed: list[tuple[float, bool]] = []
        self.alone: list[Done] = []
        self.batch: list[Done] = []
        self.batch_s = 0.0

    @property
    def done(self) -> list[Done]:
        """Every text that was compressed."""
        return [*(one for some in self.by_length.values() for one in some), *self.alone, *self.batch]

    def run(self, texts: int, rounds: int) -> None:
        """Make all calls: of each length, of those back again, one after the other, in one batch."""
        told = ", ".join(f"{length:,}" for length in LENGTHS)
        self._progress.begin(f"compressing {rounds} texts each of {told} characters")
        wanted = [(length, text) for length in LENGTHS for text in texts_of(length, rounds, self._dice)]
        for at, (length, text) in enumerate(wanted):
            self.by_length[length].append(self._compressed(text))
            self._progress.ended(at + 1, len(wanted))
        self._progress.begin("reconstructing them")
        for one in self.done:
            started = time.perf_counter()
            answer = self._client.reconstruct(one.answer["capsule"], "exact")
            self.reconstructed.append((time.perf_counter() - started, answer["text"] == one.text))
        self._progress.begin(f"compressing {texts} texts one after the other")
        for at, text in enumerate(self._mixed(texts)):
            self.alone.append(self._compressed(text))
            self._progress.ended(at + 1, texts)
        self._progress.begin(f"compressing {texts} texts in one batch")
        self._compress_together(self._mixed(texts))

    def _mixed(self, count: int) -> list[str]:
        """Texts of all lengths in turn."""
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
