"""How small the source gets in a capsule, by codec: what `app/capsule/codecs.py` writes beside zstd and PPMd.

    .venv/bin/pip install zstandard pyppmd   # not needed by the service
    .venv/bin/python -m benchmarks.codec

Texts are those of the fidelity corpus, cut to 0.3, 0.5, 2, 8 and 50 kB (the longer ones joined from several). The prime
was written without them. Bytes are sums over the texts, over the source's; times are medians of decoding one text.
"""

import base64
import statistics
import time
from collections.abc import Callable

import brotli
import cbor2

from app.capsule.analysis import Source
from app.capsule.codecs import decode_brotli, decode_primed, encode_brotli, encode_primed, prime
from app.capsule.format import capsule_bytes, seal
from app.capsule.repair import repair
from benchmarks.corpus import load

SIZES = (300, 500, 2_000, 8_000, 50_000)
Codec = tuple[Callable[[bytes], bytes], Callable[[bytes], object]]


def prime_text() -> bytes:
    """The text behind the prime, for the codecs that take a dictionary as it is."""
    return bytes(brotli.Decompressor().process(prime()[0]))


def codecs() -> dict[str, Codec]:
    """Encoder and decoder of each codec that is installed."""
    found: dict[str, Codec] = {
        "brotli-11": (encode_brotli, lambda data: decode_brotli(data, 10**7)),
        "brotli-11-p1": (encode_primed, lambda data: decode_primed(data, 10**7)),
    }
    try:
        import zstandard
    except ImportError:
        print("zstandard: not installed, left out")
    else:
        level = zstandard.ZstdCompressionParameters.from_level(22, write_content_size=1, write_dict_id=0)
        for name, given in (
            ("zstd-22", None),
            ("zstd-22, prime as dictionary", zstandard.ZstdCompressionDict(prime_text())),
        ):
            encoder = zstandard.ZstdCompressor(dict_data=given, compression_params=level)
            found[name] = (encoder.compress, zstandard.ZstdDecompressor(dict_data=given).decompress)
    try:
        import pyppmd
    except ImportError:
        print("pyppmd: not installed, left out")
    else:
        found["PPMd, order 6"] = (
            lambda data: pyppmd.compress(data, max_order=6, mem_size=4 << 20, variant="H"),
            lambda data: pyppmd.decompress(data, max_order=6, mem_size=4 << 20, variant="H"),
        )
    return found


def texts(size: int) -> list[bytes]:
    """Texts of about `size` bytes."""
    whole = [marked.text.encode() for marked in load()]
    joined = b"\n\n".join(whole)
    if size <= 2_000:
        cut = [text[:size] for text in whole]
    else:
        cut = [joined[at : at + size] for at in range(0, len(joined) - size, size)]
    return [text.decode(errors="ignore").encode() for text in cut]


def main() -> None:
    """Print the tables."""
    found = codecs()
    print("| codec | " + " | ".join(f"{size / 1000:g} kB" for size in SIZES) + " | decoding 50 kB |")
    print("|" + " --- |" * (len(SIZES) + 2))
    for name, (encode, decode) in found.items():
        shares, took = [], 0.0
        for size in SIZES:
            sources = texts(size)
            encoded = [encode(source) for source in sources]
            shares.append(sum(map(len, encoded)) / sum(map(len, sources)))
            took = statistics.median(_seconds(decode, data) for data in encoded)
        print(f"| {name} | " + " | ".join(f"{share:.3f}" for share in shares) + f" | {took * 1000:.2f} ms |")
    print("\n| exact capsule over its source | " + " | ".join(f"{size / 1000:g} kB" for size in SIZES) + " |")
    print("|" + " --- |" * (len(SIZES) + 1))
    sizes = [_capsules(size) for size in SIZES]
    for index, name in enumerate(("as JSON", "as CBOR", "brotli 11 on the source alone")):
        print(f"| {name} | " + " | ".join(f"{row[index]:.3f}" for row in sizes) + " |")


def _seconds(decode: Callable[[bytes], object], data: bytes) -> float:
    started = time.perf_counter()
    decode(data)
    return time.perf_counter() - started


def _capsules(size: int) -> tuple[float, float, float]:
    """Bytes of exact capsules in JSON and in CBOR, and of the sources under Brotli alone, over the sources'."""
    source_bytes = in_json = in_cbor = alone = 0
    for encoded in texts(size):
        text = encoded.decode()
        pieces = repair(Source(text), "").pieces
        capsule = seal(text, pieces, fidelity="exact", tokens=size, model="qwen2.5:7b-instruct", prompt_version="2")
        source_bytes += len(encoded)
        in_json += capsule_bytes(capsule)
        in_cbor += len(cbor2.dumps({"version": capsule.version, "payload": base64.b64decode(capsule.payload)}))
        alone += len(encode_brotli(encoded))
    return in_json / source_bytes, in_cbor / source_bytes, alone / source_bytes


if __name__ == "__main__":
    main()
