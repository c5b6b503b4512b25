"""Facts in Ollama's log about its last start. Wordings: ollama v0.12 to v0.33, discover/, llm/ and server/."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_START = 'msg="server config"'

# Lines worth keeping of a log in which a busy server writes a line for every request.
_TELLING = re.compile(
    r'msg="server config"|msg="Listening on|inference compute|GPU discovery|no compatible GPUs|'
    r"dropping (?:ROCm|integrated|old)|Vulkan support disabled|user overrode visible|low vram mode|"
    r"rocBLAS error|ROCm error|hipError|failed to initialize ROCm|CUDA error|ggml_vulkan|ErrorOutOfDeviceMemory|"
    r"offloaded \d+/\d+ layers|msg=load request|starting llama-server|^Error: "
)

_OFFLOADED = re.compile(r"offloaded (\d+)/(\d+) layers")
_ROCM_ERROR = re.compile(r"rocBLAS error: |ROCm error: |hipErrorNoBinaryForGpu|failed to initialize ROCm")
_FAILURE = re.compile(r'OLLAMA_LIBRARY_PATH="?\[(?P<folders>[^\]]*)\]"?.*?error=(?P<error>"(?:[^"\\]|\\.)*"|\S+)')
_PARALLEL = re.compile(r"\bParallel:(\d+)\b| -np (\d+)\b")
_LISTENING = re.compile(r'msg="Listening on \S*?:(\d+) ')

MAX_LINES = 400


@dataclass(frozen=True, slots=True)
class Device:
    """A device that Ollama computes on: `library` is CUDA, ROCm, Vulkan, Metal or cpu."""

    library: str
    description: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed GPU discovery: the library folder that was tried, and Ollama's error message."""

    folder: str
    error: str


@dataclass(frozen=True, slots=True)
class LogFacts:
    """Facts of the last start; None or empty if the log does not contain them.

    `offloaded`: layers on the GPU and all layers of the model loaded last; `parallel`: its slots; `last_error`: why the
    server exited, if it did.
    """

    config: str = ""
    port: int | None = None
    devices: tuple[Device, ...] = ()
    failures: tuple[Failure, ...] = ()
    has_rocm_error: bool = False
    dropped: tuple[str, ...] = ()
    offloaded: tuple[int, int] | None = None
    parallel: int | None = None
    is_vulkan_disabled: bool = False
    last_error: str | None = None

    def variable(self, name: str) -> str | None:
        """The server's effective value of an environment variable, defaults included."""
        match = re.search(rf"[\[ ]{re.escape(name)}:([^ \]]*)", self.config)
        return match[1] if match else None


def telling_lines(lines: Iterable[str]) -> tuple[str, ...]:
    """The lines of the last start that `read_log` uses, at most MAX_LINES."""
    kept: list[str] = []
    for line in lines:
        if not _TELLING.search(line):
            continue
        if _START in line:
            kept.clear()
        kept.append(line.strip())
    # The first lines are about the GPUs, the last about the model that is loaded now.
    half = MAX_LINES // 2
    return tuple(kept if len(kept) <= MAX_LINES else kept[:half] + kept[-half:])


def read_log(lines: Iterable[str]) -> LogFacts:
    """The facts in the lines of one start."""
    text = telling_lines(lines)
    offloaded = _last(_OFFLOADED, text)
    parallel = _last(_PARALLEL, text)
    port = _last(_LISTENING, text)
    return LogFacts(
        config=next((line for line in text if _START in line), ""),
        port=int(port[1]) if port else None,
        devices=tuple(_device(line) for line in text if "inference compute" in line),
        failures=tuple(dict.fromkeys(_failure(line) for line in text if _is_failure(line))),
        has_rocm_error=_last(_ROCM_ERROR, text) is not None,
        dropped=tuple(_field(line, "msg") for line in text if "dropping " in line),
        offloaded=(int(offloaded[1]), int(offloaded[2])) if offloaded else None,
        parallel=int(parallel[1] or parallel[2]) if parallel else None,
        last_error=next((line.removeprefix("Error: ") for line in reversed(text) if line.startswith("Error: ")), None),
        is_vulkan_disabled=any("Vulkan support disabled" in line for line in text),
    )


def _last(pattern: re.Pattern[str], lines: tuple[str, ...]) -> re.Match[str] | None:
    return next((match for line in reversed(lines) if (match := pattern.search(line))), None)


def _field(line: str, key: str) -> str:
    """A value of a logfmt line, as written by Go's slog.TextHandler."""
    match = re.search(rf'(?:^|\s){key}=(?:"((?:[^"\\]|\\.)*)"|(\S+))', line)
    return (match[1] or match[2] or "") if match else ""


def _device(line: str) -> Device:
    name = _field(line, "description") or _field(line, "name")
    return Device(_field(line, "library"), name)


def _is_failure(line: str) -> bool:
    return "GPU discovery" in line and ("failure during" in line or "timed out" in line)


def _failure(line: str) -> Failure:
    match = _FAILURE.search(line)
    if not match:
        return Failure("", "unknown error")
    folder = match["folders"].split()[-1].rsplit("/", 1)[-1] if match["folders"].strip() else ""
    detail = _field(line, "detail")
    error = match["error"].strip('"')
    return Failure(folder, f"{error}: {detail}" if detail else error)
