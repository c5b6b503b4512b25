"""Compress an archive of texts with Ray Data: Parquet files and JSON lines in, Parquet files out, no model.

    pip install condenser 'ray[data]'
    python deploy/ray/archive.py texts/*.parquet more.jsonl --out compressed

Each text becomes a row with its file, its number in that file, its compressed text and its capsule, by
`method: extractive`. The archive is cut into parts of some hundred texts. A part is one task, and its result is one
file in `--out`, put there under its name when it is whole. Run the same command again after an interruption: parts
that have their file are not done again.
"""

import argparse
import hashlib
import json
import logging
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import ray
import ray.data

from app.compression.compressor import CompressOptions, compress_extractive

SCHEMA = pa.schema(
    [
        ("source", pa.string()),
        ("row", pa.int64()),
        ("compressed", pa.string()),
        ("capsule", pa.string()),
        ("method", pa.string()),
        ("source_tokens", pa.int64()),
        ("compressed_tokens", pa.int64()),
        ("problem", pa.string()),
    ]
)
"""Of a file of results. A row has either a result or a `problem`; `capsule` is what `/reconstruct` takes, as JSON."""

_BUFFER_BYTES = 65_536
_BATCH_ROWS = 500


@dataclass(frozen=True, slots=True)
class Part:
    """`rows` rows of the file `path` from row `first`.

    `at`: of JSON lines the byte at which the first of them begins, of Parquet the first one's number in `group`.
    """

    path: str
    first: int
    rows: int
    at: int
    group: int = -1

    def file_name(self, options: str) -> str:
        """The name of its results' file: the same for the same rows of the same file with the same options.

        A file that has changed since is another one.
        """
        stat = os.stat(self.path)
        whole = json.dumps([*astuple(self), stat.st_size, stat.st_mtime_ns, options])
        return f"{Path(self.path).stem}-{self.first:09d}-{hashlib.sha256(whole.encode()).hexdigest()[:16]}.parquet"


def parts_of(path: str, most_rows: int) -> Iterator[Part]:
    """A file's parts in order, each of `most_rows` rows at most. Reads only what says where they begin."""
    if path.endswith(".parquet"):
        metadata = pq.ParquetFile(path).metadata
        first = 0
        for group in range(metadata.num_row_groups):
            group_rows = metadata.row_group(group).num_rows
            for at in range(0, group_rows, most_rows):
                yield Part(path, first + at, min(most_rows, group_rows - at), at, group)
            first += group_rows
        return
    with open(path, "rb") as file:
        first = rows = begin = end = 0
        for line in file:
            if rows == most_rows:
                yield Part(path, first, rows, begin)
                first, rows, begin = first + rows, 0, end
            rows += 1
            end += len(line)
        if rows:
            yield Part(path, first, rows, begin)


def texts_of(part: Part, column: str) -> Iterator[object]:
    """The values of `column` in a part's rows, in order; None if a line has none. At most a part is in memory."""
    if part.group >= 0:
        yield from _parquet_texts(part, column)
        return
    with open(part.path, "rb") as file:
        file.seek(part.at)
        for _ in range(part.rows):
            try:
                value = json.loads(file.readline())
            except (ValueError, RecursionError):
                value = None
            yield value.get(column) if isinstance(value, dict) else value


def _parquet_texts(part: Part, column: str) -> Iterator[object]:
    before, left = part.at, part.rows
    # With pyarrow's own choice of buffers the column of a whole row group is in memory.
    with pq.ParquetFile(part.path, pre_buffer=False, buffer_size=_BUFFER_BYTES) as file:
        for batch in file.iter_batches(_BATCH_ROWS, row_groups=[part.group], columns=[column]):
            values = batch.column(0).slice(before, left)
            before = max(0, before - len(batch))
            left -= len(values)
            yield from values.to_pylist()
            if not left:
                return


def compressed(text: object, options: dict[str, Any]) -> dict[str, object]:
    """A row of results without its place: the compressed text and its capsule, or what is wrong with it."""
    if not isinstance(text, str) or not text:
        return {"problem": "no text"}
    try:
        result = compress_extractive(CompressOptions(text=text, method="extractive", **options))
    except ValueError as error:  # a lone surrogate
        return {"problem": str(error)}
    return {
        "compressed": result.text,
        "capsule": result.capsule.model_dump_json(),
        "method": result.method,
        "source_tokens": result.sizes.source_tokens,
        "compressed_tokens": result.sizes.compressed_tokens,
    }


def compress_part(part: Part, column: str, options: dict[str, Any], target: Path) -> dict[str, float]:
    """Do a part and put its results at `target`, whole or not at all; what it took."""
    started = time.process_time()
    rows = [
        {"source": part.path, "row": part.first + at} | compressed(text, options)
        for at, text in enumerate(texts_of(part, column))
    ]
    if len(rows) != part.rows:
        raise RuntimeError(
            f"{part.path} has changed: {part.rows} rows expected from {part.first}, {len(rows)} are there"
        )
    being_written = target.with_suffix(f".{os.getpid()}.unfinished")
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), being_written, compression="zstd")
    os.replace(being_written, target)
    return {
        "texts": len(rows),
        "problems": sum("problem" in row for row in rows),
        "cpu_s": time.process_time() - started,
        "pid": os.getpid(),
        "rss_mb": _resident_mb(),
    }


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class CompressParts:
    """What `map_batches` runs in each worker: a batch is one part."""

    def __init__(self, column: str, options: dict[str, Any], out: str, name_of: str) -> None:
        self._column = column
        self._options = options
        self._out = Path(out)
        self._name_of = name_of

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Do the parts of `batch`, columns of `Part`'s fields; a row of figures for each."""
        figures: list[dict[str, float]] = []
        for at in range(len(batch["path"])):
            part = Part(str(batch["path"][at]), *(int(batch[name][at]) for name in ("first", "rows", "at", "group")))
            target = self._out / part.file_name(self._name_of)
            figures.append(compress_part(part, self._column, self._options, target))
        return {name: [figure[name] for figure in figures] for name in figures[0]}


def run(todo: Sequence[Part], column: str, options: dict[str, Any], out: Path, workers: int) -> None:
    """Do the parts on the cluster, with a line for every tenth of them and one at the end."""
    arguments = {"column": column, "options": options, "out": str(out), "name_of": _options_name(column, options)}
    figures = ray.data.from_items([asdict(part) for part in todo], override_num_blocks=len(todo)).map_batches(
        CompressParts,
        batch_size=1,
        fn_constructor_kwargs=arguments,
        compute=ray.data.ActorPoolStrategy(size=workers),
    )
    started = time.monotonic()
    texts = problems = 0
    cpu_s = 0.0
    memory: dict[int, float] = {}
    for done, figure in enumerate(figures.iter_rows(), start=1):
        texts += figure["texts"]
        problems += figure["problems"]
        cpu_s += figure["cpu_s"]
        memory[figure["pid"]] = figure["rss_mb"]
        if done % max(1, len(todo) // 10) == 0 or done == len(todo):
            took_s = time.monotonic() - started
            _say(
                f"{done} of {len(todo)} parts, {texts:,} texts ({problems} problems) in {took_s:.0f} s: "
                f"{texts / took_s:.0f}/s, {texts / max(cpu_s, 1e-9):.0f} per second of CPU time; "
                f"worker memory {', '.join(f'{mb:.0f}' for mb in memory.values())} MB"
            )


def _options_name(column: str, options: dict[str, Any]) -> str:
    return json.dumps([column, options], sort_keys=True)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    """Do what is not done yet."""
    parser = argparse.ArgumentParser(description="Compress an archive of texts with Ray Data, by extraction.")
    parser.add_argument("sources", nargs="+", help="files that every node sees: .parquet, otherwise JSON lines")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results that every node sees")
    parser.add_argument(
        "--column", default="text", help="column or JSON field that is the text; a line may be a string"
    )
    parser.add_argument("--target-ratio", type=float, help="tokens of a result over its text's; unset: by coverage")
    parser.add_argument("--part-rows", type=int, default=500, help="texts in a part")
    parser.add_argument("--workers", type=int, help="processes, a core each; unset: the cluster's cores")
    parser.add_argument("--address", default="local", help="Ray cluster, such as `auto`; `local`: one for this run")
    given = parser.parse_args()
    options = {} if given.target_ratio is None else {"target_ratio": given.target_ratio}
    if given.target_ratio is not None and not 0 < given.target_ratio <= 1:
        parser.error("--target-ratio must be over 0 and at most 1")
    if given.part_rows < 1:
        parser.error("--part-rows must be at least 1")
    out = given.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    name_of = _options_name(given.column, options)
    paths = dict.fromkeys(str(Path(source).resolve()) for source in given.sources)
    parts = [part for path in paths for part in parts_of(path, given.part_rows)]
    done = {path.name for path in out.glob("*.parquet")}
    todo = [part for part in parts if part.file_name(name_of) not in done]
    _say(f"{len(parts)} parts, {len(parts) - len(todo)} of them done before")
    if not todo:
        return
    for unfinished in out.glob("*.unfinished"):
        unfinished.unlink()
    ray.init(address=given.address, include_dashboard=False, log_to_driver=False, logging_level="WARNING")
    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    run(todo, given.column, options, out, given.workers or max(1, int(ray.cluster_resources().get("CPU", 1))))


if __name__ == "__main__":
    main()
