"""Bodies of `/compress` for chat messages."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PrivateAttr,
    Tag,
    TypeAdapter,
    model_validator,
)
from pydantic_core import PydanticCustomError

from app.api import message_examples as examples
from app.api.schemas import (
    AnswerBody,
    CompressCostBody,
    CompressOptionsBody,
    CompressRequest,
    FidelityReport,
    RequestBody,
    SizesBody,
    TimingBody,
    UsageBody,
)
from app.capsule.format import WHOLE, Capsule
from app.compression.compressor import MadeBy
from app.compression.messages import Role

_DEEPEST = 64  # levels of lists and objects in a message
_TEXT, _MESSAGES, _STRING, _LIST = TAGS = ("a text", "messages of a chat", "a string", "a list of parts")
"""Names of the alternatives of a union, which validation errors contain beside the field."""


class _AsGiven(RequestBody):
    """A part of a request with fields that this service does not know; they are passed on unchanged."""

    model_config = ConfigDict(extra="allow")


class ContentPart(_AsGiven):
    """A part of a message: a text, or something else, such as an image, which stays unchanged."""

    type: Annotated[str, Field(max_length=100, description="`text`, `image_url`, `input_audio`, `file` ...")]
    text: Annotated[str | None, Field(description="the text, if `type` is `text`")] = None

    @model_validator(mode="after")
    def _has_text(self) -> "ContentPart":
        if self.type == "text" and self.text is None:
            raise ValueError("a part of type text needs a text")
        return self


class ToolCall(_AsGiven):
    """A call of a tool by the assistant; it stays unchanged."""

    id: str | None = None
    function: dict[str, Any] | None = None


def _string_or_list(value: Any) -> Any:
    if value is not None and not isinstance(value, str | list):
        raise PydanticCustomError("content_type", "a string, a list of content parts or null is expected")
    return value


Content = Annotated[
    Annotated[str, Tag(_STRING)] | Annotated[list[ContentPart], Tag(_LIST)],
    Discriminator(lambda value: _LIST if isinstance(value, list) else _STRING),
]


class Message(_AsGiven):
    """A message in the format of OpenAI's and Ollama's chat APIs. Fields that are not listed are passed on too."""

    role: Role
    content: Annotated[
        Content | None,
        BeforeValidator(_string_or_list),
        Field(description="the text or parts; null or omitted with `tool_calls`"),
    ] = None
    tool_calls: Annotated[list[ToolCall] | None, Field(description="in a message of the assistant")] = None
    function_call: Annotated[dict[str, Any] | None, Field(description="the same in OpenAI's older API")] = None
    tool_call_id: Annotated[str | None, Field(description="in the result of a tool, for OpenAI")] = None
    tool_name: Annotated[str | None, Field(description="in the result of a tool, for Ollama")] = None
    name: str | None = None
    thinking: Annotated[str | None, Field(description="in a message of the assistant, for Ollama; stays unchanged")] = (
        None
    )
    images: Annotated[list[str] | None, Field(description="base64, for Ollama; stay unchanged")] = None
    _given: dict[str, Any] = PrivateAttr(default_factory=dict)

    @model_validator(mode="wrap")
    @classmethod
    def _with_given(cls, value: Any, handler: Callable[[Any], "Message"]) -> "Message":
        if _is_deeper(value, _DEEPEST):
            raise PydanticCustomError("too_deep", "nested deeper than {levels} levels", {"levels": _DEEPEST})
        message = handler(value)
        if isinstance(value, dict):
            message._given = value
        return message

    @property
    def given(self) -> dict[str, Any]:
        """The message as it was sent."""
        return self._given


def _is_deeper(value: Any, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return not levels or any(_is_deeper(item, levels - 1) for item in inner if isinstance(item, dict | list))


class CompressMessagesRequest(CompressOptionsBody):
    """A conversation and how to compress it, in place of a text."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.REQUEST]})

    messages: Annotated[
        list[Message],
        Field(
            min_length=1,
            description="a conversation in the format of OpenAI or Ollama; the texts that may be compressed have at "
            "most CONDENSER_MAX_TEXT_BYTES",
        ),
    ]
    keep_last: Annotated[
        int,
        Field(
            ge=0,
            description="messages at the end that stay unchanged, not counting system messages; more if they contain "
            "tool results whose calls come before them",
        ),
        WHOLE,
    ] = 4

    @model_validator(mode="wrap")
    @classmethod
    def _not_both(cls, value: Any, handler: Callable[[Any], Any]) -> Any:
        for name in ("text", "content_type"):
            if isinstance(value, dict) and name in value:
                raise PydanticCustomError("both", "{name} can't be given together with messages", {"name": name})
        return handler(value)

    @property
    def given_messages(self) -> list[dict[str, Any]]:
        """The messages as they were sent."""
        return [message.given for message in self.messages]


class ChangedContent(AnswerBody):
    """A text of a message that has changed."""

    index: Annotated[int, Field(description="index of the message, the same in request and answer")]
    part: Annotated[
        int | None,
        Field(exclude_if=lambda value: value is None, description="index of the text in a content that is a list"),
    ] = None
    method: MadeBy
    capsule: Annotated[Capsule, Field(description="`/reconstruct` restores the text of the message from it")]
    fidelity: FidelityReport
    sizes: SizesBody


class OlderBody(AnswerBody):
    """The texts that may be compressed; `target_ratio` applies to all of them together."""

    messages: Annotated[int, Field(description="messages with such texts")]
    source_tokens: int
    compressed_tokens: int
    token_ratio: Annotated[float, Field(description="compressed_tokens / source_tokens")]


class CompressMessagesResponse(AnswerBody):
    """The conversation with its older messages shortened, ready to be sent, and capsules to restore them."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.RESPONSE]})

    messages: Annotated[
        list[dict[str, Any]],
        Field(description="as many as in the request, in the same order; only texts of older messages differ"),
    ]
    method: Annotated[MadeBy, Field(description="`verbatim` if no message changed; else as for a text")]
    changed: Annotated[list[ChangedContent], Field(description="one for each text that has changed")]
    older: OlderBody
    sizes: Annotated[SizesBody, Field(description="of all texts of the messages together, and of all capsules")]
    usage: UsageBody
    timing: TimingBody
    cost: CompressCostBody


def _form(value: Any) -> str:
    has_messages = "messages" in value if isinstance(value, dict) else isinstance(value, CompressMessagesRequest)
    return _MESSAGES if has_messages else _TEXT


CompressBody = Annotated[
    Annotated[CompressRequest, Tag(_TEXT)] | Annotated[CompressMessagesRequest, Tag(_MESSAGES)], Discriminator(_form)
]
"""A body of `/compress`: exactly one of `text` and `messages`."""

COMPRESS_BODY: TypeAdapter[CompressRequest | CompressMessagesRequest] = TypeAdapter(CompressBody)
