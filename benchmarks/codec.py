"""How small a source gets in a capsule and how long that takes, by codec and by length of the text.

    .venv/bin/pip install brotli   # not needed by the service; compared where it is there
    .venv/bin/python -m benchmarks.codec

Texts are those of the fidelity corpus, cut at the last whole character under 0.5, 2, 8 and 50 kB (the longer ones
joined from several). The dictionaries were written without them. A summary "of sentences" is a third of a text's own
sentences; one "in other words" is the questions that somebody wrote about the text, with their answers. Sizes are sums
over the texts, over the source's, if not said otherwise; times are medians of the processor time.
"""

import importlib.util
import random
import statistics
import time
import zlib
from collections.abc import Callable
from functools import partial

import regex
import zstandard

from app.capsule.codec import DATA
from app.capsule.format import CAPSULE_VERSION, Capsule, capsule_bytes, seal, unseal
from benchmarks.corpus import Marked, load

SIZES = (500, 2_000, 8_000, 50_000)
LARGE = 5_000_000
WRITTEN_BYTES = 120  # of a summary in other words, for a text of 500 bytes
_SENTENCE = regex.compile(r"(?s)\S.*?(?:[.!?](?=\s)|[。！？\n]|$)\s*")
Encode = Callable[[bytes], bytes]


def cut(text: str, size: int) -> str:
    """The text up to the last whole character within so many bytes."""
    return text.encode()[:size].decode(errors="ignore")


def texts(size: int) -> list[str]:
    """Texts of about `size` bytes."""
    if size <= 2_000:
        return [cut(marked.text, size) for marked in load()]
    joined = "\n\n".join(marked.text for marked in load()).encode()
    return [joined[at : at + size].decode(errors="ignore") for at in range(0, len(joined) - size, size)]


def of_sentences(text: str) -> str:
    """A summary that a third of the text's own sentences make."""
    sentences = _SENTENCE.findall(text)
    return "".join(sentences[: 2 * len(sentences) // 3 + 1 : 2])


def in_other_words(marked: Marked, size: int) -> str:
    """A summary of which most is not in the text."""
    return cut(" ".join(f"{question} {answer}." for question, answer in marked.questions), size)


def large_text() -> str:
    """Words of the corpus in an order by chance, which is harder to compress than prose."""
    words = regex.findall(r"\S+\s*", "".join(marked.text for marked in load()))
    return cut("".join(random.Random(1).choices(words, k=LARGE // 5)), LARGE)


def random_text(size: int) -> str:
    """Printable ASCII by chance: the text that compresses least."""
    return "".join(random.Random(1).choices([chr(code) for code in range(32, 127)], k=size))


def codecs() -> dict[str, Encode]:
    """The codecs that are installed."""
    dictionary = DATA.joinpath("utf8.tables").read_bytes() + DATA.joinpath("utf8.txt").read_bytes()
    found: dict[str, Encode] = {}
    for level in (3, 6, 9, 12, 19):
        found[f"zstd {level}, dictionary"] = _zstd(level, zstandard.ZstdCompressionDict(dictionary))
    raw = zstandard.ZstdCompressionDict(dictionary, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    found["zstd 9, dictionary without its tables"] = _zstd(9, raw)
    found["zstd 9"] = _zstd(9, None)
    found["deflate 6, dictionary"] = _deflate
    if importlib.util.find_spec("brotli"):
        import brotli

        for quality in (4, 5, 9, 11):
            found[f"brotli {quality}"] = _brotli(brotli.compress, quality)
    else:
        print("brotli: not installed, left out")
    return found


def _zstd(level: int, dictionary: zstandard.ZstdCompressionDict | None) -> Encode:
    if dictionary:
        dictionary.precompute_compress(level=level)
    return lambda data: zstandard.ZstdCompressor(level=level, dict_data=dictionary, write_dict_id=False).compress(data)


def _brotli(compress: Callable[..., bytes], quality: int) -> Encode:
    return lambda data: compress(data, quality=quality)


def _deflate(data: bytes) -> bytes:
    dictionary = DATA.joinpath("utf8.txt").read_bytes()
    encoder = zlib.compressobj(6, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, dictionary)
    return encoder.compress(data) + encoder.flush()


def seconds(work: Callable[[], object], times: int = 5) -> float:
    """Median of the processor time, after one run that is not counted."""
    took = []
    for _ in range(times + 1):
        started = time.process_time()
        work()
        took.append(time.process_time() - started)
    return statistics.median(took[1:] or took)


def sealed(text: str, summary: str) -> Capsule:
    """An exact capsule."""
    return seal(text, summary, fidelity="exact", tokens=500, model="qwen2.5:7b-instruct", prompt_version="3")


def sealed_bytes(text: str, summary: str) -> int:
    """Size of an exact capsule in JSON."""
    return capsule_bytes(sealed(text, summary))


def bare_bytes(text: str, summary: str) -> int:
    """Size of an exact capsule without the plain fields, which are left out where the source is too short for them."""
    return capsule_bytes(Capsule(version=CAPSULE_VERSION, payload=sealed(text, summary).payload))


def print_codecs() -> None:
    """Source and summary of sentences in one stream, by each codec."""
    print(_row(["codec", *(f"{size / 1000:g} kB" for size in SIZES), "2 kB take", "5 MB take"]))
    print("|" + " --- |" * (len(SIZES) + 3))
    large = large_text().encode()
    sources = {size: texts(size) for size in SIZES}
    streams = {size: [(text + of_sentences(text)).encode() for text in found] for size, found in sources.items()}
    for name, encode in codecs().items():
        shares = [
            sum(len(encode(stream)) for stream in streams[size]) / sum(len(text.encode()) for text in sources[size])
            for size in SIZES
        ]
        short_s = statistics.median(seconds(partial(encode, stream)) for stream in streams[2_000])
        takes = [f"{short_s * 1000:.3f} ms", f"{seconds(partial(encode, large), 1):.2f} s"]
        print(_row([name, *(f"{share:.3f}" for share in shares), *takes]), flush=True)


def print_capsules() -> None:
    """Exact capsules in JSON over their sources."""
    corpus = load()
    print("\n| exact capsule of 500 bytes, without plain fields | median | largest | not smaller |")
    print("|" + " --- |" * 4)
    summaries: dict[str, Callable[[Marked], str]] = {
        "no summary": lambda marked: "",
        "summary of sentences": lambda marked: of_sentences(cut(marked.text, 500)),
        f"summary in other words, {WRITTEN_BYTES} bytes": lambda marked: in_other_words(marked, WRITTEN_BYTES),
    }
    for name, summary in summaries.items():
        ratios = {}
        for marked in corpus:
            text = cut(marked.text, 500)
            ratios[marked.name] = bare_bytes(text, summary(marked)) / len(text.encode())
        most = max(ratios, key=lambda name: ratios[name])
        larger = sum(ratio >= 1 for ratio in ratios.values())
        median = statistics.median(ratios.values())
        print(_row([name, f"{median:.3f}", f"{ratios[most]:.3f} ({most})", f"{larger} of {len(ratios)}"]))
    print("\n| exact capsule | over its source | sealing | opening |\n| --- | --- | --- | --- |")
    large, chance = large_text(), random_text(LARGE)
    for name, sources in (
        *((f"{size / 1000:g} kB", texts(size)) for size in SIZES),
        ("5 MB, words by chance", [large]),
        ("5 MB, printable ASCII by chance", [chance]),
    ):
        print(_row([name, *_measured(sources)]), flush=True)


def _measured(sources: list[str]) -> list[str]:
    made = [(text, of_sentences(text) if len(text) < LARGE // 2 else text[:2000]) for text in sources]
    share = sum(sealed_bytes(*one) for one in made) / sum(len(text.encode()) for text in sources)
    sealing, opening = [], []
    for text, summary in made[:20]:
        sealing.append(seconds(partial(sealed_bytes, text, summary)))
        opening.append(seconds(partial(unseal, sealed(text, summary), 2 * LARGE)))
    return [f"{share:.3f}", *(f"{statistics.median(took) * 1000:.2f} ms" for took in (sealing, opening))]


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Print the tables."""
    print_codecs()
    print_capsules()


if __name__ == "__main__":
    main()
