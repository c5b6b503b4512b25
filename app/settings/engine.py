"""Settings of the engine: the server and the model, the queue in front of it and deadlines, the embedded engine."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from app.settings.types import ApiUrl, ExistingFile, OllamaUrl, OllamaUrls, Seconds

EngineName = Literal["ollama", "embedded", "openai", "auto"]


class EngineSettings(BaseModel, title="Engine and model"):
    engine: EngineName = Field(
        "ollama", description="`ollama`, `embedded`, `openai`, or `auto`: Ollama if it answers, else embedded"
    )
    ollama_url: OllamaUrl = Field(
        "http://127.0.0.1:11434", description="Ollama's address; if unset, `OLLAMA_HOST` is used"
    )
    ollama_host: OllamaUrl | None = Field(
        None, validation_alias="OLLAMA_HOST", description="the same as Ollama's own variable, in Ollama's format"
    )
    ollama_urls: OllamaUrls = Field(
        (), description="addresses of several Ollama servers, comma-separated, instead of `CONDENSER_OLLAMA_URL`"
    )
    openai_url: ApiUrl | None = Field(
        None,
        description="base URL of an OpenAI API, such as `http://gpu1:8000/v1`: vLLM, llama.cpp's server, Ray Serve",
    )
    openai_api_key: str = Field("", repr=False, description="key for that API")
    model: str = Field("qwen2.5:7b-instruct", min_length=1, description="model to ask if a request names none")
    num_ctx: int = Field(
        4096,
        ge=512,
        le=1_048_576,
        description="context window of a call, tokens; for `openai` at most the server's own",
    )
    keep_alive: str = Field(
        "30m",
        pattern=r"^(-1|0|\d+(\.\d+)?(ms|s|m|h)?)$",
        description="how long Ollama keeps the model loaded: `30m`, `24h`, seconds, or -1 for forever",
    )
    seed: int = Field(1, ge=0, le=2_147_483_647, description="seed of every model call")

    @property
    def upstream_urls(self) -> tuple[str, ...]:
        """Addresses of all Ollama servers, at least one."""
        if self.ollama_urls:
            return self.ollama_urls
        is_set = "ollama_url" in self.model_fields_set
        return (self.ollama_url if is_set or self.ollama_host is None else self.ollama_host,)


class QueueSettings(BaseModel, title="Queue and deadlines"):
    max_concurrency: Annotated[int, Field(ge=1, le=4096)] | Literal["auto"] = Field(
        4, description="most calls at once in each Ollama: its `OLLAMA_NUM_PARALLEL`, or `auto` to find it under load"
    )
    max_queue: int = Field(1000, ge=0, le=1_000_000, description="most calls that may wait for the engine")
    queue_timeout_s: Seconds = Field(30, description="longest wait of an interactive call for the engine, seconds")
    request_timeout_s: Seconds = Field(120, description="longest time for one request, or one item of a batch, seconds")
    engine_retries: int = Field(
        3, ge=0, le=100, description="most retries of a call if Ollama refuses the connection or is busy"
    )
    drain_timeout_s: Seconds = Field(
        25, description="time to finish requests in progress when the service stops, seconds"
    )


class EmbeddedSettings(BaseModel, title="Embedded engine"):
    embedded_model: ExistingFile | None = Field(
        None, description="GGUF file of the embedded engine; unset: SmolLM2-135M-Instruct from the cache folder"
    )
    embedded_num_parallel: int = Field(2, ge=1, le=256, description="slots of the embedded engine: most calls at once")
    embedded_threads: int | None = Field(
        None, ge=1, le=1024, description="CPU threads of the embedded engine; unset: one per core"
    )
