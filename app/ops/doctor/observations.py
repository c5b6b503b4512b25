"""Everything that the doctor observed, as values that can be written to JSON and judged elsewhere."""

from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import TypeAdapter

from app.engine.ollama_answers import ProcessModel
from app.settings import EngineName

StartedBy = Literal["systemd", "container", "hand"]


AUTO = 0
"""The service finds the number of calls at once itself."""


@dataclass(frozen=True, slots=True)
class Configured:
    """The engine that the settings name; `url_is_local`: Ollama's address belongs to this machine.

    `engine_is_the_services`: the settings name no engine, and `engine` is that of the running service.
    """

    engine: EngineName
    ollama_url: str
    url_is_local: bool
    model: str
    num_ctx: int
    max_concurrency: int  # or AUTO
    keep_alive: str
    engine_is_the_services: bool = False


@dataclass(frozen=True, slots=True)
class Installed:
    """A row of `/api/tags`; size in bytes."""

    name: str
    size: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """A real completion and how long it took, or the `problem` that prevented it.

    `first_token_s` runs from the request to the first text and includes `load_s`.
    """

    first_token_s: float = 0.0
    load_s: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    decode_s: float = 0.0
    problem: str | None = None

    @property
    def tokens_per_second(self) -> float:
        """Decode speed in tokens per second; 0 if nothing was decoded."""
        return self.completion_tokens / self.decode_s if self.decode_s else 0.0


@dataclass(frozen=True, slots=True)
class Answers:
    """Ollama's answers. `problem`: why there are none; `model_info`: from `/api/show` for the configured model."""

    version: str | None = None
    problem: str | None = None
    timed_out: bool = False
    installed: tuple[Installed, ...] = ()
    loaded: tuple[ProcessModel, ...] = ()
    loaded_after_call: tuple[ProcessModel, ...] = ()
    family: str = ""
    model_info: dict[str, Any] = field(default_factory=dict)
    call: Call | None = None


@dataclass(frozen=True, slots=True)
class Server:
    """The running `ollama serve`. `environment` holds only the engine's variables; None if it can't be read.

    `started_by` determines how its environment is changed.
    """

    pid: int
    user: str
    uid: int
    groups: tuple[int, ...]
    executable: str
    environment: dict[str, str] | None
    started_by: StartedBy
    effective_capabilities: int = 0


@dataclass(frozen=True, slots=True)
class UnitFile:
    """A unit file or drop-in and the engine's variables that it sets; None if it can't be read."""

    path: str
    environment: dict[str, str] | None


@dataclass(frozen=True, slots=True)
class Unit:
    """ollama.service as systemd reports it; `files` in the order in which they apply."""

    active_state: str
    main_pid: int = 0
    user: str = ""
    needs_reload: bool = False
    environment: dict[str, str] = field(default_factory=dict)
    files: tuple[UnitFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Log:
    """Lines of Ollama's log about its last start, its GPUs and its models; `source` is None if no log was found."""

    source: str | None = None
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gpu:
    """A graphics processor, as reported by the kernel or its driver; bytes, 0 if unknown. `gfx`: AMD's target name."""

    vendor: str
    name: str = ""
    gfx: str = ""
    memory_total: int = 0
    memory_used: int = 0


@dataclass(frozen=True, slots=True)
class DeviceNode:
    """A device file through which programs reach a GPU; `mode`: its permission bits."""

    path: str
    uid: int
    gid: int
    group: str
    mode: int


@dataclass(frozen=True, slots=True)
class Rocm:
    """A ROCm installation; `gfx_targets`: targets for which its rocBLAS has kernels."""

    folder: str
    version: str | None
    gfx_targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Host:
    """The machine; sizes in bytes. `library_folder` holds Ollama's own libraries; `binary_capabilities` is getcap's
    output.
    """

    memory_total: int = 0
    memory_available: int = 0
    gpus: tuple[Gpu, ...] = ()
    nodes: tuple[DeviceNode, ...] = ()
    ollama_binary: str | None = None
    binary_capabilities: str | None = None
    library_folder: str | None = None
    has_vulkan_backend: bool = False
    bundled_rocm: tuple[Rocm, ...] = ()
    system_rocm: tuple[Rocm, ...] = ()
    vulkan_drivers: tuple[str, ...] = ()
    user_groups: dict[str, tuple[int, ...]] = field(default_factory=dict)
    package_manager: Literal["apt-get", "dnf", "pacman"] | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """What a running Condenser reports at `/readyz`; `problem`: why it is not ready.

    `warning`: its warning of needless loads or of wasted calls. `call`: a compression by it.
    """

    url: str
    engine: str | None = None
    problem: str | None = None
    warning: str | None = None
    call: Call | None = None


@dataclass(frozen=True, slots=True)
class Embedded:
    """The embedded engine's parts; `xllamacpp_problem` is None if it loads."""

    model_path: str
    model_bytes: int | None
    xllamacpp_version: str | None
    xllamacpp_problem: str | None


@dataclass(frozen=True, slots=True)
class BlindSpot:
    """Something that could not be observed, and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class OpenAIServer:
    """Status of a server with the OpenAI API; `problem` is None if it answers."""

    url: str
    models: tuple[str, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Observations:
    """All observations of one run. None means not applicable (another engine, another machine).

    `condenser`: path of the command, for commands that the reader may copy. `is_root`: observed with root's rights.
    `answers` and the fields after it belong to the first Ollama server of the settings; `others` has the further ones
    by address.
    """

    configured: Configured
    condenser: str = "condenser"
    is_root: bool = False
    answers: Answers | None = None
    others: tuple[tuple[str, Answers], ...] = ()
    server: Server | None = None
    unit: Unit | None = None
    log: Log = field(default_factory=Log)
    host: Host = field(default_factory=Host)
    embedded: Embedded | None = None
    openai: OpenAIServer | None = None
    service: Service | None = None
    blind_spots: tuple[BlindSpot, ...] = ()


_OBSERVATIONS = TypeAdapter(Observations)


def to_json(observations: Observations) -> str:
    """The observations as JSON, indented."""
    return _OBSERVATIONS.dump_json(observations, indent=2).decode()


def from_json(text: str | bytes) -> Observations:
    """Read observations from JSON. Raises pydantic.ValidationError."""
    return _OBSERVATIONS.validate_json(text)
