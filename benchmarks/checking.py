"""How long it takes to find a text's facts and to hold a summary against them, without any model.

    .venv/bin/python -m benchmarks.checking

Texts are those of the fidelity corpus that have 2 kB or more, cut to 2 kB, and all of them joined and repeated to 1 MB.
The summary is the text's first two sentences with one figure changed, so that it has something to correct. Each time is
the best of several runs, which a noisy machine disturbs least; over the texts it is their median and their worst.
"""

import statistics
import time
from collections.abc import Callable

import regex
from app.capsule.analysis import Source
from app.capsule.chunking import units
from app.capsule.repair import repair
from app.capsule.scanner import find_facts

from benchmarks.corpus import load

SIZE = 2_000  # bytes of UTF-8, as near as characters allow
LARGE = 1_000_000
RUNS = 15


def best_ms(work: Callable[[], object], runs: int = RUNS) -> float:
    """The shortest of several runs, milliseconds."""
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times) * 1000


def cut(text: str, size: int) -> str:
    """The first `size` bytes of a text."""
    return text.encode()[:size].decode(errors="ignore")


def summary_of(text: str) -> str:
    """Its first two sentences, with the first digit another one."""
    said = "".join(text[unit.start : unit.end] for unit in units(text)[:2])
    return str(regex.sub(r"\d", lambda digit: str((int(digit.group()) + 3) % 10), said, count=1))


def main() -> None:
    """Print the table."""
    texts = [cut(marked.text, SIZE) for marked in load() if len(marked.text.encode()) >= SIZE]
    rows: dict[str, list[float]] = {"facts": [], "reading (facts, structure, clauses)": [], "verification, repair": []}
    for text in texts:
        source, summary = Source(text), summary_of(text)
        rows["facts"].append(best_ms(lambda text=text: find_facts(text)))  # type: ignore[misc]
        rows["reading (facts, structure, clauses)"].append(best_ms(lambda text=text: Source(text)))  # type: ignore[misc]
        rows["verification, repair"].append(
            best_ms(lambda source=source, summary=summary: repair(source, summary))  # type: ignore[misc]
        )
    print(f"{len(texts)} texts of 2 kB, ms a text    median  worst")
    for name, times in rows.items():
        print(f"{name:36} {statistics.median(times):8.2f} {max(times):6.2f}")
    whole = "\n\n".join(marked.text for marked in load())
    large = cut(whole * (LARGE // len(whole.encode()) + 1), LARGE)
    print(f"{'facts of 1 MB, s':36} {best_ms(lambda: find_facts(large), 3) / 1000:8.2f}")


if __name__ == "__main__":
    main()
