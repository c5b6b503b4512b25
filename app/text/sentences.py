"""Splits prose into sentences."""

from collections.abc import Iterator

import regex

from app.text.span import Span

# A sentence ends at a full stop followed by a space, unless a lower-case letter follows, or an initial, a title, an
# ordinal or an abbreviation precedes; or at a Chinese or Japanese stop or a danda, unless the speaker of a quotation is
# named after it. Notes in brackets and closing tags after it belong to the sentence.
_SENTENCE_END = regex.compile(
    r"""
    (?: (?<! \b (?: \p{Lu} | (?<! [:.,] ) \p{N}{1,2} | \p{L}\.[ \u00a0]?\p{L}
               | Dr | Mr | Mrs | Ms | Prof | St | Sr | Jr | No | Nr | Art | Abs | Fig | vs | ca | bzw | ggf | evtl | etc | approx | Sept | Inc | Ltd | Mt | M | Mme ) ) [.]
      | [!?…؟۔‽] | [.!?]{2,8}+ )
    (?: [ \u00a0\u202f]» )?+ ["'”’»“)\]*_]{0,4}+ (?: \[ [^\[\]\n]{1,40} \] ){0,6}+ (?: </ \p{L}[\p{L}\d]{0,15}+ > ){0,4}+
    (?: \s{1,16}+ | (?<=[\]>]) )
    (?! [.,;:)…] | (?<= \b \p{L} \. \s ) \p{L} \. | (?<! \p{L}{4} [.!?…] ["'”’»“)\]*_]{0,4} \s{1,16} ) \p{N} )
  | [。！？｡।॥]{1,8}+ (?: [」』”’）]{1,4}+ (?! [とって、，] | \p{Han}{1,6} [说說问問道答喊] ) | (?! [」』”’）] ) ) [ \t\u3000]{0,16}+
    """,
    regex.VERBOSE,
)
_SMALL_NEXT = regex.compile(r"\p{Ll}")
_LONGEST_OPEN = 300  # characters; in a shorter sentence with an open bracket a stop does not end it


def sentences(text: str) -> list[Span]:
    """The sentences of `text`, without surrounding white space."""
    return [span for span in split_sentences(text, 0, len(text)) if span.end > span.start]


def split_sentences(text: str, start: int, end: int) -> Iterator[Span]:
    begin = start
    is_small = None
    for match in _SENTENCE_END.finditer(text, start, end):
        if match.end() < end and _SMALL_NEXT.match(text, match.end()):
            if is_small is None:
                is_small = _is_without_capitals(text[start:end])
            if not is_small:
                continue
        if (
            text.count("(", begin, match.end()) > text.count(")", begin, match.end())
            and match.end() - begin < _LONGEST_OPEN
        ):
            continue
        yield stripped(text, begin, match.end())
        begin = match.end()
    if begin < end:
        yield stripped(text, begin, end)


def _is_without_capitals(text: str) -> bool:
    """Whether the sentences of a text begin with lower-case letters."""
    return len(regex.findall(r"[.!?] \p{Ll}", text)) > len(regex.findall(r"[.!?] \p{Lu}", text))


def stripped(text: str, start: int, end: int) -> Span:
    slice_text = text[start:end]
    lead = len(slice_text) - len(slice_text.lstrip())
    return Span(start + lead, max(start + lead, start + len(slice_text.rstrip())))
