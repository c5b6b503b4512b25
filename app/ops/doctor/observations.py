"""Everything that the doctor saw, as values that can be written to JSON and judged again elsewhere."""

from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import TypeAdapter

from app.engine.ollama_answers import ProcessModel
from app.settings import EngineName

StartedBy = Literal["systemd", "container", "hand"]


AUTO = 0
"""Stands for a number of calls at once that the service finds itself."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the settings ask for; `url_is_local`: Ollama's address is one of this machine's own.

    `engine_is_the_services`: the settings name no engine, and `engine` is what the running service has.
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
    """A row of `/api/tags`; bytes."""

    name: str
    size: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """A real completion and how long it took, or the `problem` that kept it from coming.

    `first_token_s` runs from the request to the first text and contains `load_s`.
    """

    first_token_s: float = 0.0
    load_s: float = 0.0
    prompt_tokens: int = 0
    prompt_s: float = 0.0
    completion_tokens: int = 0
    decode_s: float = 0.0
    problem: str | None = None

    @property
    def tokens_per_second(self) -> float:
        """Decode speed, tokens a second; 0 where nothing was decoded."""
        return self.completion_tokens / self.decode_s if self.decode_s else 0.0


@dataclass(frozen=True, slots=True)
class Answers:
    """What Ollama answered. `problem` says why it did not; `model_info` is of `/api/show` for the wanted model."""

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
    """The running `ollama serve`. `environment` holds the engine's variables only; None: it can't be read.

    `started_by` decides how its environment is changed.
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
    """A unit file or drop-in and the engine's variables that it sets; None: it can't be read."""

    path: str
    environment: dict[str, str] | None


@dataclass(frozen=True, slots=True)
class Unit:
    """ollama.service as systemd has it; `files` in the order in which they apply."""

    active_state: str
    main_pid: int = 0
    user: str = ""
    needs_reload: bool = False
    environment: dict[str, str] = field(default_factory=dict)
    files: tuple[UnitFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Log:
    """Lines of Ollama's log that tell of its last start, its GPUs and its models; `source` None: no log was seen."""

    source: str | None = None
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gpu:
    """A graphics processor by the kernel or its driver; bytes, 0 where unknown. `gfx` is AMD's target name."""

    vendor: str
    name: str = ""
    gfx: str = ""
    memory_total: int = 0
    memory_used: int = 0


@dataclass(frozen=True, slots=True)
class DeviceNode:
    """A device file by which programs reach a GPU; `mode` are its permission bits."""

    path: str
    uid: int
    gid: int
    group: str
    mode: int


@dataclass(frozen=True, slots=True)
class Rocm:
    """A ROCm installation; `gfx_targets`: those that its rocBLAS has kernels for."""

    folder: str
    version: str | None
    gfx_targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Host:
    """The machine; bytes. `library_folder` holds Ollama's own libraries, `binary_capabilities` are getcap's words."""

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
    """What a running Condenser says of itself at `/readyz`; `problem`: why it does not.

    `warning`: what it says of needless loads, and of calls that are paid for nothing. `call`: a compression by it.
    """

    url: str
    engine: str | None = None
    problem: str | None = None
    warning: str | None = None
    call: Call | None = None


@dataclass(frozen=True, slots=True)
class Embedded:
    """The embedded engine's parts; `xllamacpp_problem` is None where it loads."""

    model_path: str
    model_bytes: int | None
    is_own_model: bool
    xllamacpp_version: str | None
    xllamacpp_problem: str | None
    num_parallel: int


@dataclass(frozen=True, slots=True)
class BlindSpot:
    """What could not be seen and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class OpenAIServer:
    """What a server with the OpenAI API says of itself; `problem` is None where it answers."""

    url: str
    models: tuple[str, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Observations:
    """One look at the whole. What does not apply (another engine, another machine) is None.

    `condenser`: path of the command, for commands that the reader may copy. `is_root`: seen with root's rights.
    `answers` and all that follows are of the first Ollama of the settings; `others` has the further ones by address.
    """

    wanted: Wanted
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
    """Observations out of JSON. Raises pydantic.ValidationError."""
    return _OBSERVATIONS.validate_json(text)
