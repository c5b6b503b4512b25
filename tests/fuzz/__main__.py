"""The long run of the fuzzing: `make fuzz MINUTES=10`.

First the fact finder on each shape of text at 1 MB and the capsule decoder on payloads that declare 1 MB, by processor
time; then hypothesis on both; then schemathesis for the minutes that are asked for. Exit code 1 where any of it failed.
"""

import argparse
import contextlib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from app.capsule.format import Capsule, CapsuleError, seal, unseal
from app.text.facts import find_facts
from app.text.language import Language
from tests.fuzz.http import fuzzed
from tests.fuzz.shapes import SHAPES
from tests.security.forging import capsule, frame_of

MEGABYTE = 1_000_000
EN = Language("en")
PROMISED_S = 1.0
MOST_S = 2.0  # what is over the promise is printed, what is over this has got worse
MOST_FACT_S = 20e-6  # a text that is nothing but facts takes longer, by so much for each over 50,000
FREE_FACTS = 50_000
EXAMPLES = 3000
OVER_TIME_S = 120.0  # of schemathesis, for a case under way and the shrinking of a failure


def megabyte(shape: str) -> str:
    """The shape at 1 MB of UTF-8."""
    return SHAPES[shape](MEGABYTE).encode()[:MEGABYTE].decode(errors="ignore")


def cpu_s(work: Callable[[], object]) -> float:
    """The processor time of one run."""
    started = time.process_time()
    work()
    return time.process_time() - started


def too_slow_shapes() -> list[str]:
    """Find the facts of each shape; those that took longer than they may. Prints all that took over PROMISED_S."""
    find_facts("Warm-up on 1 May at 10:30.", EN)
    slow = []
    for shape in SHAPES:
        text = megabyte(shape)
        facts: list[object] = []
        seconds = cpu_s(lambda text=text, facts=facts: facts.extend(find_facts(text, EN)))  # type: ignore[misc]
        allowed = MOST_S + MOST_FACT_S * max(0, len(facts) - FREE_FACTS)
        if seconds > PROMISED_S:
            print(f"  {shape}: {seconds:.2f} s for {len(facts):,} facts in 1 MB", flush=True)
        if seconds > allowed:
            slow.append(shape)
    return slow


def slowest_capsule() -> float:
    """The most seconds that a capsule of a megabyte took to be opened or refused."""
    dice = random.Random(1)
    worst = 0.0
    for shape in SHAPES:
        text = megabyte(shape)
        sealed = seal(text, text, fidelity="exact", tokens=1, model="m", prompt_version="1")
        forged = capsule(frame_of(dice.randbytes(1000) + text.encode()), MEGABYTE)
        for made in (sealed, forged):
            worst = max(worst, cpu_s(lambda made=made: _opened(made)))  # type: ignore[misc]
    return worst


def _opened(capsule: Capsule) -> None:
    with contextlib.suppress(CapsuleError):
        unseal(capsule, 2**20)


def main() -> None:
    """Run it all and say what failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10, help="of schemathesis")
    parser.add_argument("--seed", type=int, help="of schemathesis, to run the same again")
    wished = parser.parse_args()
    print(f"Facts of {len(SHAPES)} texts of 1 MB; over {PROMISED_S:g} s of processor time:")
    slow = too_slow_shapes()
    capsule_s = slowest_capsule()
    print(f"Capsules of 1 MB, {2 * len(SHAPES)}: {capsule_s:.2f} s at most", flush=True)
    hypothesis = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/fuzz/test_texts.py"],
        env=os.environ | {"CONDENSER_FUZZ_EXAMPLES": str(EXAMPLES)},
        check=False,
    )
    seconds = int(wished.minutes * 60)
    seed = [f"--seed={wished.seed}"] if wished.seed is not None else []
    with tempfile.TemporaryDirectory() as folder:
        run = fuzzed(Path(folder), f"--max-time={seconds}", *seed, limit_s=seconds + OVER_TIME_S)
    print(run.stdout)
    failed = {
        f"too slow: {', '.join(slow)}": slow,
        "a capsule took too long": capsule_s > PROMISED_S,
        "hypothesis": hypothesis.returncode,
        "schemathesis": run.returncode,
    }
    failures = [what for what, is_so in failed.items() if is_so]
    print(f"failed: {'; '.join(failures)}" if failures else "nothing failed")
    raise SystemExit(bool(failures))


if __name__ == "__main__":
    main()
