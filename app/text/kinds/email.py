"""Mail for reading: sender, recipients, date, subject; the newest message first, quoted text last."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import islice, pairwise

import regex

from app.text.kinds import html, mime
from app.text.kinds.boilerplate import is_boilerplate
from app.text.kinds.form import Form
from app.text.kinds.view import Section, View, form_of

_MEANT: dict[str, str] = {
    word: name
    for name, words in {
        "from": "from von de da van",
        "to": "to an à a para aan",
        "cc": "cc kopie copie",
        "date": "date sent datum gesendet envoyé enviado fecha data verzonden",
        "subject": "subject betreff objet asunto oggetto onderwerp assunto",
    }.items()
    for word in words.split()
}
_HEADER_WORTH = 0.1
_MOST_LEAVES = 200  # MIME parts of a message; the rest is left out
_HISTORY = 10**9  # rank offset of quoted text: after everything new
_POSTMARK = regex.compile(r"^From \S{1,200} .{0,60}\d{4}[ \t]*+\r?\n(?=[A-Za-z][A-Za-z0-9\-]{0,60}:)", regex.MULTILINE)
_START = regex.compile(r"(?:\s*+\n)?(?=[A-Za-zÀ-ÿ][A-Za-zÀ-ÿ0-9\-]{0,60}:)")
_QUOTES = regex.compile(r"(?:^[ \t]{0,3}>[^\n]*+\n?|^[ \t]*+\n(?=[ \t]{0,3}>))++", regex.MULTILINE)
_ATTRIBUTION = regex.compile(
    r"^[ \t]*+(?:On|Am|Le|El|Il|Op|Em|Den)\s[^\n>]{6,160}?(?:\n[^\n>]{0,100}?)?(?:wrote|schrieb|écrit|escribió|scritto|schreef|escreveu|skrev)[^\n:]{0,80}:[ \t]*+$"
    r"|^[ \t]*+\S[^\n]{1,120}(?:wrote|schrieb):[ \t]*+$",
    regex.MULTILINE,
)
_ORIGINAL = regex.compile(
    r"^[ \t]*+(?:-{2,}+[ \t]*+(?:Original Message|Original Appointment|Ursprüngliche Nachricht|Message d['’]origine|Mensaje original|Messaggio originale"
    r"|Oorspronkelijk bericht)|_{20,}+[ \t]*+\n(?=\s{0,4}(?:From|Von|De|Da)\b[^\n]{0,3}:))",
    regex.MULTILINE | regex.IGNORECASE,
)
_FORWARDED = regex.compile(
    r"^[ \t]*+(?:-{2,}+[ \t]*+(?:Forwarded message|Weitergeleitete Nachricht|Message transféré|Mensaje reenviado)|Begin forwarded message:"
    r"|Anfang der weitergeleiteten)",
    regex.MULTILINE | regex.IGNORECASE,
)
_INNER_HEADERS = regex.compile(
    r"^\*?(?:From|Von|De|Da):\*?[ \t][^\n]+\n(?:[^\n]+\n){0,2}?\*?(?:Sent|Date|Gesendet|Datum|Envoyé|Enviado|Fecha|Data|To|An|À):\*?[ \t]",
    regex.MULTILINE,
)
_SIGNATURE = regex.compile(r"^--[ \t]?\r?$", regex.MULTILINE)
_CLOSING = regex.compile(
    r"^[ \t]*+(?:(?:kind|best|warm|many|with (?:kind|best))[ \t]+(?:regards|wishes|greetings)|regards|best|cheers|sincerely|yours (?:sincerely|faithfully|truly)"
    r"|thanks|many thanks|thank you|(?:mit )?(?:freundlichen?|beste[nr]?|viele|liebe|herzliche) grü(?:ß|ss)en?|(?:lg|mfg|vg|gruß)"
    r"|(?:bien )?cordialement|salutations|saludos|un saludo|atentamente|cordiali saluti|saluti|met vriendelijke groet(?:en)?)[ \t]*+[,.!]?[ \t]*+$",
    regex.MULTILINE | regex.IGNORECASE,
)
_HAS_MORE = regex.compile(r"^\s*P\.? ?S\b|[a-z]{2}[.?!][ \t]*$", regex.MULTILINE)  # a sentence below a closing phrase
_WORD = regex.compile(r"[\p{L}\p{M}'’\-]+")
_MOST_CLOSING_LINES = 12
_LONGEST_CLOSING_LINE = 80
_FEWEST_WORDS = 6  # a message with fewer words is about its quotation
_LEAST_PLAIN = 0.4  # of the length of the HTML alternative; a shorter plain text is not used


@dataclass(frozen=True, slots=True)
class _Message:
    headers: tuple[mime.Header, ...]
    body: int
    end: int
    start: int

    def value(self, name: str) -> str:
        return next((header.value for header in self.headers if _MEANT.get(header.name) == name), "")

    @property
    def date(self) -> datetime | None:
        try:
            date = parsedate_to_datetime(self.value("date")[:100])
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
        return date if date.tzinfo else date.replace(tzinfo=UTC)


def read(text: str, start: int, end: int) -> Form | None:
    """The mail or mails in a slice of `text` that begins with headers; None if it does not. Linear time."""
    messages = _messages(text, start, end)
    if not messages:
        return None
    newest_first = sorted(range(len(messages)), key=lambda at: _when(messages[at], at), reverse=True)
    ranks = {at: rank for rank, at in enumerate(newest_first)}
    sections: list[Section] = []
    for at, message in enumerate(messages):
        sections += _sections(text, message, ranks[at])
    return form_of("email", start, end, sections, is_boilerplate)


def _when(message: _Message, order: int) -> tuple[datetime, int]:
    """Sort key of messages: by date, then by position, first is newest."""
    return message.date or datetime.min.replace(tzinfo=UTC), -order


def _messages(text: str, start: int, end: int) -> list[_Message]:
    """The messages of a mailbox or of a thread, in order; none if the slice does not begin with headers."""
    starts = [match.start() for match in _POSTMARK.finditer(text, start, end)]
    if starts and not text[start : starts[0]].strip():
        bounds = [*starts, end]
        messages = [_message(text, begin, stop) for begin, stop in pairwise(bounds)]
        return [message for message in messages if message is not None]
    first = _message(text, start, end)
    if first is None:
        return []
    bounds = [start, *_later_starts(text, first), end]
    if len(bounds) == 2:
        return [first]
    messages = [_message(text, begin, stop) for begin, stop in pairwise(bounds)]
    return [message for message in messages if message is not None]


def _message(text: str, start: int, end: int) -> _Message | None:
    postmark = _POSTMARK.match(text, start, end)
    begin = postmark or _START.match(text, start, end)
    if begin is None:
        return None
    headers, body = mime.headers(text, begin.end(), end)
    names = {_MEANT.get(header.name) for header in headers}
    if "from" not in names or not names & {"to", "date", "subject"}:
        return None
    return _Message(tuple(headers), body, end, start)


def _later_starts(text: str, first: _Message) -> list[int]:
    """The starts of messages below the first one, each newer than the one above: a thread in chronological order."""
    starts, before = [], first.date
    for match in _INNER_HEADERS.finditer(text, first.body, first.end):
        if before is None or text[max(0, match.start() - 2) : match.start()] not in (
            "\n\n",
            "\r\n",
            "-\n",
            "=\n",
            "_\n",
        ):
            continue
        message = _message(text, match.start(), first.end)
        date = message.date if message is not None else None
        if date is not None and date > before:
            starts.append(match.start())
            before = date
    return starts


def _sections(text: str, message: _Message, rank: int) -> Iterator[Section]:
    """The important headers, then the bodies; quoted text ranks after all messages."""
    view = View()
    for header in message.headers:
        name = _MEANT.get(header.name)
        if name and header.value:
            view.put("\n" if view.length else "")
            view.add(
                f"{text[header.start : header.start + len(header.name)]}: {header.value}", header.start, header.end
            )
    yield Section(view, rank, worth=_HEADER_WORTH, is_plain=True)
    leaves = list(
        islice(mime.leaves(text, list(message.headers), message.start, message.body, message.end), _MOST_LEAVES)
    )
    chosen = _alternatives(text, leaves)
    for leaf in leaves:
        if leaf.is_attachment or not leaf.content_type.startswith("text/"):
            if leaf.name and not leaf.content_type.startswith("image/"):
                note = View()
                note.add(f"[attachment: {leaf.name}]", leaf.head, max(leaf.start, leaf.head))
                yield Section(note, rank)
        elif leaf in chosen:
            yield from _body(chosen[leaf], rank, _name(message))


def _alternatives(text: str, leaves: Sequence[mime.Leaf]) -> dict[mime.Leaf, list[Section]]:
    """The sections of each leaf to read. Of alternatives, plain text is preferred unless it is much shorter than HTML."""
    read_as = {
        leaf: _read_leaf(text, leaf)
        for leaf in leaves
        if leaf.content_type.startswith("text/") and not leaf.is_attachment
    }
    best: dict[int, mime.Leaf] = {}
    for leaf, sections in read_as.items():
        other = best.get(leaf.choice)
        if leaf.choice >= 0 and (other is None or _LEAST_PLAIN * _length(sections) > _length(read_as[other])):
            best[leaf.choice] = leaf
    return {leaf: sections for leaf, sections in read_as.items() if leaf.choice < 0 or best[leaf.choice] == leaf}


def _length(sections: Sequence[Section]) -> int:
    return sum(section.view.length for section in sections if not section.is_minor)


def _read_leaf(text: str, leaf: mime.Leaf) -> list[Section]:
    view = mime.decoded(text, leaf)
    if leaf.content_type == "text/html" or html.is_html(view.text):
        return html.sections(view) or [Section(view)]
    return [Section(view)]


def _name(message: _Message) -> frozenset[str]:
    """The words of the sender's name."""
    return frozenset(_WORD.findall(message.value("from").partition("<")[0].lower()))


def _body(sections: Sequence[Section], rank: int, sender: frozenset[str]) -> Iterator[Section]:
    """The sections of a body, split into new text, quoted text and signature."""
    cut = [(section, list(_without_name(section.view.text, _cut(section.view.text), sender))) for section in sections]
    new = " ".join(
        s.view.text[first:last] for s, slices in cut if not s.is_minor for first, last, kind in slices if kind == "new"
    )
    is_bare = len(_CLOSING.sub("", new).split()) < _FEWEST_WORDS
    for section, slices in cut:
        for start, end, kind in slices:
            is_history = kind == "quoted" or section.is_minor
            is_minor = kind == "signature" or (is_history and not is_bare)
            is_matter = kind == "forwarded" or (is_history and is_bare)
            place = rank + (_HISTORY if is_history else 0)
            yield Section(section.view.sliced(start, end), place, is_minor, is_matter=is_matter)


def _without_name(
    text: str, slices: Sequence[tuple[int, int, str]], sender: frozenset[str]
) -> Iterator[tuple[int, int, str]]:
    """The slices; the sender's name as the last line of a new slice becomes a signature."""
    for start, end, kind in slices:
        content = text[start:end].rstrip()
        line = content.rfind("\n") + 1
        words = (
            _WORD.findall(content[line:].lower())
            if kind == "new" and len(content) - line <= _LONGEST_CLOSING_LINE
            else []
        )
        if line and words and sender.issuperset(words):
            yield start, start + line, kind
            yield start + line, end, "signature"
        else:
            yield start, end, kind


def _cut(text: str) -> list[tuple[int, int, str]]:
    """The slices of a body, in order, each `new`, `quoted`, `forwarded` or `signature`."""
    forwarded = _FORWARDED.search(text)
    matches = [
        match.start() for match in (_ORIGINAL.search(text), _INNER_HEADERS.search(text)) if match and match.start()
    ]
    history = min([*matches, len(text)])
    if forwarded and forwarded.start() <= history:
        return [*_cut_quotes(text, 0, forwarded.start()), (forwarded.start(), len(text), "forwarded")]
    return [*_cut_quotes(text, 0, history), (history, len(text), "quoted")]


def _cut_quotes(text: str, start: int, end: int) -> list[tuple[int, int, str]]:
    """Separates quotations, marked by ">" or below "On ... wrote:". Quotations between answers stay with them."""
    attribution = _ATTRIBUTION.search(text, start, end)
    runs = list(_QUOTES.finditer(text, start, end))
    if len(runs) > 1:
        if attribution is None:
            return _cut_signature(text, start, end)
        middle = [*_cut_signature(text, start, attribution.start()), (attribution.start(), attribution.end(), "quoted")]
        return [*middle, *_cut_signature(text, attribution.end(), end)]
    if not runs:
        at = attribution.start() if attribution else end
        return [*_cut_signature(text, start, at), (at, end, "quoted")]
    run = runs[0]
    is_said = attribution is not None and not text[attribution.end() : run.start()].strip()
    at = attribution.start() if attribution is not None and is_said else run.start()
    return [*_cut_signature(text, start, at), (at, run.end(), "quoted"), *_cut_signature(text, run.end(), end)]


def _cut_signature(text: str, start: int, end: int) -> list[tuple[int, int, str]]:
    """The new text and the signature below it: after "-- ", or a closing phrase followed by a few short lines."""
    mark = _SIGNATURE.search(text, start, end)
    at = mark.start() if mark else end
    for closing in _CLOSING.finditer(text, max(start, at - _MOST_CLOSING_LINES * _LONGEST_CLOSING_LINE), at):
        lines = text[closing.end() : at].strip().split("\n")
        if (
            len(lines) <= _MOST_CLOSING_LINES
            and all(len(line) <= _LONGEST_CLOSING_LINE for line in lines)
            and not _HAS_MORE.search(text, closing.end(), at)
        ):
            at = closing.start()
            break
    return [(start, at, "new"), (at, end, "signature")]
