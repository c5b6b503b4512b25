"""Compresses the older messages of a conversation; only their texts change, not their order, roles or other fields."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import regex

from app.compression.cache import Caching, SharedCompressor
from app.compression.choice import TOO_SHORT_TOKENS
from app.compression.compressor import Compressed, CompressOptions, Method
from app.compression.fanout import gathered
from app.compression.messages import Content, Message, last_question, literals_of, older, texts_of
from app.compression.shared_budget import SharedText, allotments, dialogue_budget, on_one_budget
from app.compression.usage import Usage
from app.engine.engine import CallOptions
from app.tasks import OFF_LOOP_CHARACTERS, beside_loop
from app.text.tokens import estimate_tokens

RESULT_TOKENS = 500
"""Approximate limit of a compressed tool result if the request gives neither target nor coverage."""
_LEAST_TOKENS = 50  # without a target, shorter texts stay as they are
_LEAST_ASKED_TOKENS = 250  # the same for messages of the user, which hold the instructions
_LEAST_PROSE_TOKENS = 400  # for shorter texts `auto` does not call the model
_MOST_SENTENCE_TOKENS = 40  # a text with longer sentences on average is not prose
_SENTENCE_END = regex.compile(r"[\p{L}\d)\]”\"'»][.!?…][\"'”’»)\]]*+(?:\s|$)|[。！？।]")


@dataclass(frozen=True, slots=True)
class ConversationOptions:
    """What to compress and how. `keep_last`: messages at the end that stay as they are.

    `each`: the options for every text; its target applies to all compressible texts together. `is_bounded`: tool
    results are limited to RESULT_TOKENS.
    """

    messages: Sequence[Message]
    keep_last: int
    each: CompressOptions
    is_bounded: bool = False

    @property
    def open_bytes(self) -> int:
        """UTF-8 size of the texts that may be compressed."""
        return sum(len(content.text.encode()) for content in _open(self, texts_of(self.messages)))


@dataclass(frozen=True, slots=True)
class CompressedConversation:
    """The compressed texts of a conversation.

    `contents`: the texts that may be compressed. `results`: those of the texts that were compressed. `tokens`: of all
    texts, before. `usage`: of this request's model calls. `spared`: of the calls saved by the cache.
    """

    contents: Sequence[Content]
    results: Mapping[Content, Compressed]
    tokens: Mapping[Content, int]
    usage: Usage
    spared: Usage
    is_cached: bool

    @property
    def changed(self) -> list[tuple[Content, Compressed]]:
        """The texts that changed, in order, with their results."""
        return [
            (content, result)
            for content in self.contents
            if (result := self.results.get(content)) and result.text != content.text
        ]

    @property
    def older_tokens(self) -> tuple[int, int]:
        """The tokens of the compressible texts, before and after."""
        before = sum(self.tokens[content] for content in self.contents)
        saved = sum(self.tokens[content] - result.sizes.compressed_tokens for content, result in self.changed)
        return before, before - saved


async def compress_conversation(
    compressor: SharedCompressor,
    options: ConversationOptions,
    call_options: CallOptions,
    caching: Caching,
    concurrency: int,
) -> CompressedConversation:
    """Compress a conversation, with at most `concurrency` of its texts compressed at the same time.

    Without a target each text is compressed independently: earlier results do not change when a message is added, so
    the reading model's prefix cache stays valid. Raises LiteralNotFoundError if a must_keep string is not in the
    messages, and EngineError unless the options allow a result without the model.
    """
    texts = texts_of(options.messages)
    contents, tokens, literals = await beside_loop(_is_long(texts), _read, options, texts)
    work = _Work(compressor, options, call_options, caching, concurrency, tokens)
    compress = work.each if options.each.target_ratio is None else work.together
    results = await compress(contents, literals)
    return CompressedConversation(contents, results, work.tokens, work.usage, work.spared, work.is_cached)


def _is_long(contents: Iterable[Content]) -> bool:
    return sum(len(content.text) for content in contents) >= OFF_LOOP_CHARACTERS


Literals = Mapping[Content, tuple[str, ...]]


def _open(options: ConversationOptions, texts: Sequence[Content]) -> list[Content]:
    """The texts that may be compressed."""
    may_change = older(options.messages, options.keep_last)
    return [content for content in texts if content.message in may_change]


def _read(options: ConversationOptions, texts: Sequence[Content]) -> tuple[list[Content], dict[Content, int], Literals]:
    """The compressible texts, the tokens of all texts, and the literals that each must keep."""
    contents = _open(options, texts)
    literals = literals_of(options.each.must_keep, options.messages, contents)
    return contents, {content: estimate_tokens(content.text) for content in texts}, literals


@dataclass(slots=True)
class _Work:
    """The compressions of one conversation's texts, and the usage of their model calls."""

    compressor: SharedCompressor
    conversation: ConversationOptions
    call_options: CallOptions
    caching: Caching
    concurrency: int
    tokens: Mapping[Content, int]
    usage: Usage = field(default_factory=Usage)
    spared: Usage = field(default_factory=Usage)
    hits: int = 0
    misses: int = 0

    @property
    def is_cached(self) -> bool:
        """Whether all results came from the cache."""
        return self.hits > 0 and not self.misses

    async def each(self, contents: Sequence[Content], literals: Literals) -> dict[Content, Compressed]:
        """Compress each text independently."""
        worked_on = [content for content in contents if self.tokens[content] >= self._least(content)]

        async def compress(content: Content) -> Compressed:
            return await self._alone(content, literals.get(content, ()))

        return dict(zip(worked_on, await gathered(worked_on, self.concurrency, compress), strict=True))

    def _least(self, content: Content) -> int:
        is_asked = content.role == "user" and self.conversation.is_bounded
        return _LEAST_ASKED_TOKENS if is_asked else _LEAST_TOKENS

    async def _alone(self, content: Content, keep: tuple[str, ...]) -> Compressed:
        options = self._options(content, keep)
        if not (self.conversation.is_bounded and content.is_result and self.tokens[content] > RESULT_TOKENS):
            return await self._compressed(options)
        bounded = replace(options, target_ratio=RESULT_TOKENS / self.tokens[content])
        if options.method != "extractive":
            return await self._compressed(bounded)
        # The default rendering of a log is often shorter than the limit.
        result = await self._compressed(options)
        return await self._compressed(bounded) if result.sizes.compressed_tokens > RESULT_TOKENS else result

    async def together(self, contents: Sequence[Content], literals: Literals) -> dict[Content, Compressed]:
        """Compress all texts on one budget: the dialogue jointly, each tool result on its share."""
        tokens, each = self.tokens, self.conversation.each
        result_tokens = sum(tokens[content] for content in contents if content.is_result)
        dialogue_tokens = sum(tokens[content] for content in contents) - result_tokens
        budget = int((dialogue_tokens + result_tokens) * (each.target_ratio or 1.0))
        results = [content for content in contents if content.is_result]
        dialogue = [content for content in contents if not content.is_result and tokens[content] > TOO_SHORT_TOKENS]
        hint = last_question(self.conversation.messages)
        for_dialogue = dialogue_budget(budget, dialogue_tokens, result_tokens)
        allotted = allotments(results, tokens, budget - for_dialogue, each.question, hint)

        async def compress(content: Content) -> Compressed:
            options = self._options(content, literals.get(content, ()))
            if content.is_result:
                options = replace(options, target_ratio=allotted[content] / tokens[content])
            return await self._compressed(options)

        abstractive = [content for content in dialogue if self._options(content).method != "extractive"]
        shortened = [content for content in results if TOO_SHORT_TOKENS < tokens[content] > allotted[content]]
        alone = [*abstractive, *shortened]
        compressed = dict(zip(alone, await gathered(alone, self.concurrency, compress), strict=True))
        short = {content: compressed[content] for content in shortened}
        spent = sum(short[result].sizes.compressed_tokens if result in short else tokens[result] for result in results)
        # A form that came out larger than planned takes nothing from the dialogue.
        left = max(budget - spent, for_dialogue) - dialogue_tokens + sum(tokens[content] for content in dialogue)
        shared = [
            SharedText(content, self._options(content, literals.get(content, ())), compressed.get(content))
            for content in dialogue
        ]
        return short | await beside_loop(_is_long(dialogue), on_one_budget, shared, left, self.call_options.model)

    def _options(self, content: Content, keep: tuple[str, ...] = ()) -> CompressOptions:
        each = self.conversation.each
        method = _method(each.method, content, self.tokens[content])
        return replace(each, text=content.text, must_keep=keep, method=method, asks=content.role == "user")

    async def _compressed(self, options: CompressOptions) -> Compressed:
        result, cached = await self.compressor.compress(options, self.call_options, self.caching)
        if cached:
            self.spared += result.usage
            self.hits += 1
        else:
            self.usage += result.usage
            self.misses += 1
        return result


def _method(method: Method, content: Content, tokens: int) -> Method:
    """How to compress a text: with `auto` the model is only called for long prose not written by the assistant.

    A summary describes its text from outside; an assistant's own message should not do that.
    """
    if method != "auto":
        return method
    if tokens < _LEAST_PROSE_TOKENS or content.role == "assistant":
        return "extractive"
    sentences = len(_SENTENCE_END.findall(content.text))
    return "auto" if sentences * _MOST_SENTENCE_TOKENS >= tokens else "extractive"
