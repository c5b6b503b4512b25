"""Logs, output of tools, pages and mail for `benchmarks.kinds`, generated from a seed, with rare things in them."""

import random
import re
from base64 import b64encode
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from benchmarks.kind_samples import Sample

_SERVICES = ("auth", "billing", "search", "mailer")
_START = datetime(2026, 3, 2, 8, 0, 0, tzinfo=UTC)
_MORE = re.compile(r"\.\.\. (\d+) more like this")
_OWN_LINE = re.compile(r"\.\.\. \d+ (?:more|lines?)\b|\[\d+ lines (?:omitted|compressed)\b")
_TAG = re.compile(r"</?[a-zA-Z][^<>\n@]*>|&(?:amp|nbsp|lt|gt|quot|#\d+);")


# Validity


def _is_lines_of(text: str, count: int = 0) -> Callable[[str], bool]:
    """Whether all lines but the marks are whole lines of the text, in order.

    `count`: of entries, which marks that count lines and the lines shown must come to together.
    """

    def check(result: str) -> bool:
        rest = iter(text.splitlines())
        shown = [line for line in result.splitlines() if line.strip() and not _OWN_LINE.match(line)]
        if not shown or not all(line in rest for line in shown):
            return False
        unseen = sum(map(int, _MORE.findall(result)))
        return not count or not unseen or unseen + len(shown) == count

    return check


def _reads(*words: str) -> Callable[[str], bool]:
    """Whether a result has no tag or entity left, a sentence, and nothing of `words`."""

    def check(result: str) -> bool:
        is_clean = not _TAG.search(result) and not any(word in result for word in words)
        return is_clean and len(re.findall(r"\w[.?!](?:\s|$)", result)) > 0

    return check


# Samples


def _stamp(at: int) -> str:
    return f"{_START + timedelta(seconds=at, milliseconds=at * 37 % 1000):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"


_RARE = (
    "ERROR billing: charge failed for invoice INV-88213: card_declined",
    "ERROR auth: connection refused by 10.0.3.17:5432",
    "FATAL search: index segment 41 is corrupt, stopping",
    "WARN mailer: queue is 93 percent full",
    "WARN auth: certificate of idp.example.org expires in 6 days",
    "WARN billing: retry 3 of 3 for webhook wh_5521",
    "INFO deploy: version v4.17.2 rolled out by mara",
    "INFO auth: signing key rotated, new key k-2026-03",
    "INFO search: reindex finished with 182334 documents",
    "INFO scheduler: leader election won by node-c",
    "INFO mailer: template welcome_v7 reloaded",
    "INFO billing: currency table refreshed from ecb",
)


def _log(seed: int) -> Iterable[Sample]:
    chance = random.Random(seed)
    lines = []
    for _ in range(5000):
        service = chance.choice(_SERVICES)
        lines.append(
            chance.choice(
                (
                    f"INFO {service}: request {chance.randrange(16**8):08x} finished in {chance.randint(2, 90)} ms",
                    f"INFO {service}: cache hit for user {chance.randint(1000, 9999)}",
                    f"DEBUG {service}: heartbeat sent to 10.0.{chance.randint(0, 9)}.{chance.randint(1, 250)}",
                    f"INFO {service}: job {chance.randint(10_000, 99_999)} queued with priority {chance.randint(1, 3)}",
                )
            )
        )
    for at, said in zip(chance.sample(range(100, 4900), len(_RARE)), _RARE, strict=True):
        lines[at] = said
    text = "\n".join(f"{_stamp(at)} {line}" for at, line in enumerate(lines))
    planted = tuple((said,) for said in _RARE)
    is_valid = _is_lines_of(text, len(lines))
    yield Sample("log, 5,000 lines", text, None, is_valid, planted, 0.02)
    yield Sample("log, 5,000 lines", text, 0.05, is_valid, planted)


def _access(seed: int) -> Iterable[Sample]:
    chance = random.Random(seed)
    paths = ("/", "/login", "/cart", "/static/app.css", "/static/app.js", "/api/items")
    asked = [f"GET {chance.choice(paths)} HTTP/1.1|200|{chance.randint(200, 9000)}" for _ in range(2000)]
    rare = (
        "POST /api/checkout HTTP/1.1|500|117",
        "GET /.env HTTP/1.1|404|153",
        "DELETE /api/items/7741 HTTP/1.1|403|98",
        "POST /login HTTP/1.1|429|64",
        "GET /export/all.zip HTTP/1.1|200|733210045",
    )
    for at, said in zip(chance.sample(range(100, 1900), len(rare)), rare, strict=True):
        asked[at] = said
    lines = []
    for at, said in enumerate(asked):
        request, status, size = said.split("|")
        stamp = f"{_START + timedelta(seconds=at):%d/%b/%Y:%H:%M:%S} +0000"
        client = f"192.0.2.{chance.randint(1, 250)}"
        lines.append(f'{client} - - [{stamp}] "{request}" {status} {size} "-" "Mozilla/5.0 (X11; Linux x86_64)"')
    text = "\n".join(lines)
    planted = tuple((said.split("|")[0], f'" {said.split("|")[1]} {said.split("|")[2]} ') for said in rare)
    yield Sample("access log, 2,000 lines", text, None, _is_lines_of(text, len(lines)), planted)
    yield Sample("access log, 2,000 lines", text, 0.05, _is_lines_of(text, len(lines)), planted)


def _traces(seed: int) -> Iterable[Sample]:
    """A log in which the same stack trace comes again and again, and two others once each."""
    chance = random.Random(seed)
    common = (
        "Traceback (most recent call last):",
        '  File "/srv/app/worker.py", line 88, in run',
        "    self.handle(job)",
        '  File "/srv/app/worker.py", line 131, in handle',
        "    response = client.post(job.url, timeout=10)",
        "TimeoutError: the read operation timed out",
    )
    once = (
        (
            "Traceback (most recent call last):",
            '  File "/srv/app/billing.py", line 412, in charge',
            '    total = prices[item["sku"]]',
            "KeyError: 'SKU-99417'",
        ),
        (
            "java.lang.IllegalStateException: ledger 7731 is closed",
            "\tat com.example.Ledger.post(Ledger.java:219)",
            "\tat com.example.Batch.run(Batch.java:64)",
            "Caused by: java.sql.SQLException: deadlock detected on table postings",
            "\t... 14 more",
        ),
    )
    special = dict(zip(chance.sample(range(50, 380), len(once)), once, strict=True))
    lines: list[str] = []
    for at in range(400):
        if at in special:
            lines += [f"{_stamp(at)} ERROR worker: job failed", *special[at]]
        elif at % 8 == 5:
            lines += [f"{_stamp(at)} ERROR worker: job failed", *common]
        else:
            lines.append(f"{_stamp(at)} INFO worker: job {chance.randint(1000, 9999)} done")
    text = "\n".join(lines)
    planted = tuple(("\n".join(trace),) for trace in (common, *once))
    yield Sample("stack traces, 52 in a log", text, None, _is_lines_of(text), planted)
    yield Sample("stack traces, 52 in a log", text, 0.1, _is_lines_of(text), planted)


def _grep(seed: int) -> Iterable[Sample]:
    chance = random.Random(seed)
    lines = []
    for number in range(60):
        path = f"src/{chance.choice(_SERVICES)}/module_{number:02d}.py"
        places = sorted(chance.sample(range(20, 900), chance.randint(3, 20)))
        lines += [f"{path}:{at}:        retry(delay={chance.randint(1, 9)}, job=job)" for at in places]
        if number == 23:
            lines.insert(-2, f"{path}:17:def retry(delay: float, job: Job) -> Result:")
        if number == 41:
            lines.append(f"{path}:951:        raise RetryError('gave up on retry after 7 attempts')")
        if number == 52:
            lines.append(f"{path}:977:        # FIXME: retry() loses the job when the queue is closed")
    text = "\n".join(lines)
    planted = (
        ("17:def retry(delay: float, job: Job) -> Result:",),
        ("gave up on retry after 7 attempts",),
        ("FIXME: retry() loses the job",),
    )
    yield Sample(f"grep, {len(lines)} matches", text, None, _is_lines_of(text), planted)
    yield Sample(f"grep, {len(lines)} matches", text, 0.1, _is_lines_of(text), planted)


_FACTS = (
    "The bridge over the Elbe will be closed from 14 September to 3 November 2026.",
    "Repairs cost 4.7 million euros, of which the city pays 1.2 million.",
    "Engineers found 38 cracks in the eastern pier in May.",
    "Cyclists may use the ferry at Altrand free of charge.",
)
_FILLER = (
    "People who live nearby had been talking about it for a long while.",
    "The topic came up again and again in meetings over the summer.",
    "Many would have liked to know more about it at an earlier time.",
    "It is not the only building of its age in the region.",
    "Others say that the matter looks different from the other bank.",
    "There will be further talks on the matter in due course.",
)


def _article(chance: random.Random, count: int) -> list[list[str]]:
    """Paragraphs of an article, with the facts spread among them."""
    paragraphs = [chance.sample(_FILLER, 3) for _ in range(count)]
    for at, fact in zip(chance.sample(range(count), len(_FACTS)), _FACTS, strict=True):
        paragraphs[at].insert(1, fact)
    return paragraphs


def _html(seed: int) -> Iterable[Sample]:
    chance = random.Random(seed)
    menu = "".join(f'<li><a href="/section/{at}?utm_source=nav">Section {at}</a></li>\n' for at in range(40))
    body = "\n".join(f"<p class='x{at}'>{' '.join(said)}</p>" for at, said in enumerate(_article(chance, 20)))
    script = "".join(f"window.track{at} = function () {{ return {at}; }};\n" for at in range(60))
    related = "".join(f'<div class="card"><a href="/r/{at}">Read this too {at}</a></div>\n' for at in range(30))
    text = (
        "<!doctype html>\n<html><head><title>Bridge closed until November</title>\n"
        f"<style>.a{{color:red}} .b{{margin:0 auto}}</style><script>{script}</script></head>\n"
        f"<body><nav><ul>{menu}</ul></nav>\n"
        f"<div class='cookie-banner'>We use cookies. <button>Accept all</button></div>\n"
        f"<main><article><h1>Bridge closed until November</h1>\n{body}\n</article></main>\n"
        f"<aside>{related}</aside><footer>&copy; 2026 Example Press &middot; Imprint</footer></body></html>"
    )
    planted = tuple((fact,) for fact in _FACTS)
    is_valid = _reads("Section 7", "window.track", "Accept all")
    yield Sample("html, an article in a page", text, None, is_valid, planted, 0.6)
    yield Sample("html, an article in a page", text, 0.1, is_valid, planted)


_SIGNATURE = "-- \nMara Lindt\nHead of Works, Example GmbH\nTel. +49 351 555 0100\n"
_DISCLAIMER = (
    "This e-mail and any attachments are confidential and intended solely for the addressee. If you are not the"
    " intended recipient, please notify the sender and delete it."
)


def _mail(seed: int) -> Iterable[Sample]:
    """A thread of six mails, the newest on top, with an attachment and what mail programs put around it."""
    chance = random.Random(seed)
    told = [
        "Hello Jonas,\n\nwe agreed on 18 May for the handover, and Pia will bring the 14 keys.",
        "Hello Mara,\n\nthe painter asks for 2,340 euros. Can you confirm that by Friday?",
        *(f"Hello,\n\n{' '.join(chance.sample(_FILLER, 3))}" for _ in range(4)),
    ]
    names = ("Mara Lindt <mara@example.org>", "Jonas Beck <jonas@example.org>")
    thread = ""
    for depth, said in reversed(list(enumerate(told))):
        own = f"{said}\n\nBest regards\nMara\n{_SIGNATURE}\n{_DISCLAIMER}\n"
        if thread:
            who = names[(depth + 1) % 2].split(" <")[0]
            own += f"\nOn {_START - timedelta(days=depth):%d %B %Y}, {who} wrote:\n"
            own += "".join(f"> {line}\n" for line in thread.splitlines())
        thread = own
    blob = b64encode(random.Random(seed).randbytes(3000)).decode()
    attachment = "\n".join(blob[at : at + 76] for at in range(0, len(blob), 76))
    text = (
        f"From: {names[0]}\nTo: {names[1]}\nDate: Mon, 02 Mar 2026 08:00:00 +0000\nSubject: Re: Handover of the flat\n"
        'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b7"\nX-Mailer: Example 5\n\n'
        f'--b7\nContent-Type: text/plain; charset="utf-8"\n\n{thread}\n'
        '--b7\nContent-Type: image/png; name="plan.png"\nContent-Transfer-Encoding: base64\n'
        f'Content-Disposition: attachment; filename="plan.png"\n\n{attachment}\n--b7--\n'
    )
    newest = (("18 May", "14 keys"), ("Handover of the flat",), ("Mara Lindt",))
    is_valid = _reads(blob[:40], "intended recipient", "X-Mailer")
    yield Sample("e-mail, a thread of 6", text, None, is_valid, newest)
    yield Sample("e-mail, a thread of 6", text, 0.03, lambda result: blob[:40] not in result, newest)


LOG_SAMPLES: dict[str, Callable[[int], Iterable[Sample]]] = {
    "log": _log,
    "access": _access,
    "traces": _traces,
    "grep": _grep,
    "html": _html,
    "mail": _mail,
}
