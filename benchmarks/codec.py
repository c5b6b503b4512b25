"""Size of a source in a capsule and the time for it, by codec and by length of the text.

    .venv/bin/pip install brotli   # not needed by the service; compared if installed
    .venv/bin/python -m benchmarks.codec

The texts are those of the corpus, cut to 0.5, 2, 8 and 50 kB (long ones are joined from several). The dictionaries were
made without them. A summary "of sentences" is a third of the sentences of a text; a summary "in other words" is the
questions about the text with their answers. Sizes are sums over the texts, divided by those of the sources, unless
stated otherwise; times are medians of processor time.
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
    """The text, cut to `size` bytes at a whole character."""
    return text.encode()[:size].decode(errors="ignore")


def texts(size: int) -> list[str]:
    """Texts of about `size` bytes."""
    if size <= 2_000:
        return [cut(marked.text, size) for marked in load()]
    joined = "\n\n".join(marked.text for marked in load()).encode()
    return [joined[at : at + size].decode(errors="ignore") for at in range(0, len(joined) - size, size)]


def of_sentences(text: str) -> str:
    """A summary: a third of the sentences of the text."""
    sentences = _SENTENCE.findall(text)
    return "".join(sentences[: 2 * len(sentences) // 3 + 1 : 2])


def in_other_words(marked: Marked, size: int) -> str:
    """A summary most of whose words are not in the text."""
    return cut(" ".join(f"{question} {answer}." for question, answer in marked.questions), size)


def large_text() -> str:
    """Words of the corpus in random order, which are harder to compress than prose."""
    words = regex.findall(r"\S+\s*", "".join(marked.text for marked in load()))
    return cut("".join(random.Random(1).choices(words, k=LARGE // 5)), LARGE)


def random_text(size: int) -> str:
    """Random printable ASCII: the text that compresses least."""
    return "".join(random.Random(1).choices([chr(code) for code in range(32, 127)], k=size))


def codecs() -> dict[str, Encode]:
    """The codecs that are installed."""
    dictionary = DATA.joinpath("utf8.tables").read_bytes() + DATA.joinpath("utf8.txt").read_bytes()
    encoders: dict[str, Encode] = {}
    for level in (3, 6, 9, 12, 19):
        encoders[f"zstd {level}, dictionary"] = _zstd(level, zstandard.ZstdCompressionDict(dictionary))
    raw = zstandard.ZstdCompressionDict(dictionary, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    encoders["zstd 9, dictionary without its tables"] = _zstd(9, raw)
    encoders["zstd 9"] = _zstd(9, None)
    encoders["deflate 6, dictionary"] = _deflate
    if importlib.util.find_spec("brotli"):
        import brotli

        for quality in (4, 5, 9, 11):
            encoders[f"brotli {quality}"] = _brotli(brotli.compress, quality)
    else:
        print("brotli: not installed, skipped")
    return encoders


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
    """Median processor time, after a warm-up run."""
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
    """Size of an exact capsule without the plain fields, which capsules of short sources do not have."""
    return capsule_bytes(Capsule(version=CAPSULE_VERSION, payload=sealed(text, summary).payload))


def print_codecs() -> None:
    """Print the size of a source and a summary in one stream for each codec."""
    print(_row(["codec", *(f"{size / 1000:g} kB" for size in SIZES), "2 kB take", "5 MB take"]))
    print("|" + " --- |" * (len(SIZES) + 3))
    large = large_text().encode()
    sources = {size: texts(size) for size in SIZES}
    streams = {size: [(text + of_sentences(text)).encode() for text in sized] for size, sized in sources.items()}
    for name, encode in codecs().items():
        shares = [
            sum(len(encode(stream)) for stream in streams[size]) / sum(len(text.encode()) for text in sources[size])
            for size in SIZES
        ]
        short_s = statistics.median(seconds(partial(encode, stream)) for stream in streams[2_000])
        takes = [f"{short_s * 1000:.3f} ms", f"{seconds(partial(encode, large), 1):.2f} s"]
        print(_row([name, *(f"{share:.3f}" for share in shares), *takes]), flush=True)


def print_capsules() -> None:
    """Print the sizes of exact capsules in JSON, divided by those of their sources."""
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
        ("5 MB, random words", [large]),
        ("5 MB, random printable ASCII", [chance]),
    ):
        print(_row([name, *_measured(sources)]), flush=True)


def _measured(sources: list[str]) -> list[str]:
    made = [(text, of_sentences(text) if len(text) < LARGE // 2 else text[:2000]) for text in sources]
    share = sum(sealed_bytes(*pair) for pair in made) / sum(len(text.encode()) for text in sources)
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
