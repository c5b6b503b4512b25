"""Mail comes back as who wrote what to whom, the newest message first."""

import base64
import quopri
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.text.document import read
from app.text.kinds import email
from app.text.kinds.view import ViewForm
from tests.unit.kinds.forms import choices, default, view_by, whole

_HEAD = "From: Anna Weiss <anna@x.org>\nTo: Ben <ben@y.org>\nSubject: Offer\nDate: Tue, 3 Mar 2026 10:00:00 +0100\n"
_BODY = "The offer of Öztürk is accepted. The price is 1.200 €, no more.\n"


def _form(source: str) -> ViewForm:
    return view_by(email.read, source)


def _default(source: str) -> str:
    return default(_form(source))


def test_the_headers_that_matter_stay() -> None:
    source = f"Received: from mx by y; now\nX-Spam: no\n{_HEAD}Message-ID: <1@x>\n\n{_BODY}"
    assert _default(source) == f"{_HEAD}\n{_BODY}".strip()


def test_encoded_headers_are_decoded() -> None:
    source = (
        "From: =?utf-8?Q?Anna_Wei=C3=9F?= <a@x.org>\nSubject: =?utf-8?B?QW5nZWJvdCBmw7xyIE3DpHJ6?=\n\nText is here.\n"
    )
    assert _default(source).startswith("From: Anna Weiß <a@x.org>\nSubject: Angebot für März\n")


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "8bit"])
@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-15"])
def test_encoded_bodies_are_decoded(encoding: str, charset: str) -> None:
    raw = _BODY.encode(charset)
    body = {
        "base64": base64.encodebytes(raw).decode(),
        "quoted-printable": quopri.encodestring(raw).decode(),
        "8bit": _BODY,
    }[encoding]
    head = f"{_HEAD}Content-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: {encoding}\n\n"
    assert _default(head + body).endswith(_BODY.strip())


def test_a_sentence_of_a_quoted_printable_body_knows_its_slice() -> None:
    source = f"{_HEAD}Content-Transfer-Encoding: quoted-printable\n\nOne is =C3=A9. Two is =\nhere.\n"
    form = _form(source)
    slices = [source[part.start : part.end] for part in form.parts[-2:]]
    assert slices == ["One is =C3=A9.", "Two is =\nhere."]


def test_attachments_are_named_and_their_content_goes() -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@x.org", "b@y.org", "Offer"
    message.set_content("The offer is below.")
    message.add_attachment(b"\0\1" * 500, maintype="application", subtype="pdf", filename="offer.pdf")
    message.add_attachment(b"\0\1" * 500, maintype="image", subtype="png", filename="logo.png")
    rendered = _default(message.as_string())
    assert "The offer is below." in rendered
    assert "[attachment: offer.pdf]" in rendered
    assert "logo" not in rendered
    assert "AAEA" not in rendered


def test_one_of_two_alternatives_is_read() -> None:
    message = EmailMessage()
    message["From"], message["To"] = "a@x.org", "b@y.org"
    message.set_content("We meet on 5 May.")
    message.add_alternative("<html><body><p>We meet on <b>5 May</b>.</p></body></html>", subtype="html")
    assert _default(message.as_string()).count("We meet on 5 May.") == 1


def test_html_alone_is_read_as_html() -> None:
    source = (
        f"{_HEAD}Content-Type: text/html\n\n<html><style>p{{}}</style><body><p>We meet on 5&nbsp;May.</p></body></html>"
    )
    assert _default(source).endswith("\n\nWe meet on 5\xa0May.")


@pytest.mark.parametrize(
    "history",
    [
        "On Mon, 2 Mar 2026 at 09:00, Ben <ben@y.org> wrote:\n> It costs 99 EUR.\n> Is that fine?\n",
        "-----Original Message-----\nFrom: Ben\nSent: Monday\nTo: Anna\nSubject: Offer\n\nIt costs 99 EUR.\n",
        "From: Ben\nSent: Monday, 2 March 2026\nTo: Anna\nSubject: Offer\n\nIt costs 99 EUR.\n",
        "Am 02.03.2026 um 09:00 schrieb Ben <ben@y.org>:\n> It costs 99 EUR.\n",
    ],
)
def test_quoted_history_is_minor_and_last(history: str) -> None:
    source = f"{_HEAD}\nWe take it on Friday, all ten of them.\n\n{history}"
    form = _form(source)
    assert "99 EUR" not in default(form)
    rendered = whole(form)
    assert rendered.index("We take it") < rendered.index("99 EUR")


def test_an_answer_below_the_quotation_comes_first() -> None:
    source = (
        f"{_HEAD}\nBen wrote:\n> It costs 99 EUR. I need to know it soon.\n\nWe take it on Friday, all ten of them.\n"
    )
    form = _form(source)
    rendered = whole(form)
    assert rendered.index("We take it") < rendered.index("99 EUR")


def test_answers_between_quotations_keep_their_questions() -> None:
    source = f"{_HEAD}\n> Does it cost 99 EUR?\n\nNo, 120 EUR.\n\n> When do you ship it?\n\nOn 5 March.\n"
    rendered = _default(source)
    assert rendered.index("99 EUR?") < rendered.index("No, 120") < rendered.index("When do") < rendered.index("5 March")


def test_a_forwarded_message_is_what_the_mail_is_about() -> None:
    source = f"{_HEAD}\nFYI\n\n---------- Forwarded message ---------\nFrom: Cy\nSubject: Leak\n\nThe pump leaks since 4 May.\n"
    assert "The pump leaks since 4 May." in _default(source)


@pytest.mark.parametrize(
    "signature", ["-- \nAnna Weiss\nOak Ltd, +49 30 1234", "Kind regards,\nAnna Weiss\nTel. +49 30 1234", "Anna Weiss",
                  "This e-mail is confidential and intended only for the addressee in room 1234."],
)  # fmt: skip
def test_signatures_and_disclaimers_are_not_taken_by_default(signature: str) -> None:
    rendered = _default(f"{_HEAD}\nHi Ben,\n\nWe take it on Friday.\n\n{signature}\n")
    assert rendered.endswith("\n\nWe take it on Friday.")


def test_the_newest_of_several_messages_comes_first() -> None:
    older = _HEAD.replace("3 Mar", "1 Mar") + "\nCan you do it for 99 EUR?\n\n"
    form = _form(older + _HEAD + "\nYes, from 5 May on.\n")
    rendered = whole(form)
    assert rendered.index("Yes, from 5 May") < rendered.index("99 EUR")


def test_a_table_in_a_mail_stays_a_table() -> None:
    source = (
        f"{_HEAD}\nThese are the prices:\n\n| item | price |\n| --- | --- |\n| oak | 5 |\n| elm | 6 |\n| fir | 7 |\n"
    )
    form = _form(source)
    row = next(number for number in range(len(form.parts)) if "oak" in form.part_text(number))
    header = next(number for number in range(len(form.parts)) if "item" in form.part_text(number))
    assert header in form.parts[row].needs


def test_facts_are_those_of_the_decoded_text() -> None:
    body = base64.encodebytes(_BODY.encode()).decode()
    document = read(
        f"From: a\nTo: b\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n{body}"
    )
    texts = [document.text_of_fact(fact) for facts in document.facts for fact in facts]
    assert "1.200 €" in texts


@pytest.mark.parametrize(
    "source", ["", "Hello Ben,\n\nhow are you?\n", "name: x\nport: 5\n", "From: here on\n", "Subject: alone\n\nx\n"]
)
def test_other_texts_are_no_mail(source: str) -> None:
    assert email.read(source, 0, len(source)) is None


_BROKEN = [
    'Content-Type: multipart/mixed; boundary="X"\n\n--X\n',
    "Content-Type: multipart/mixed\n\nno boundary",
    "Content-Type: text/plain; charset=zlib\nContent-Transfer-Encoding: base64\n\n====A=B==\n",
    "Content-Type: text/plain; charset*=utf-8''%FF\nContent-Transfer-Encoding: quoted-printable\n\n=XX =C3 =\n",
    "Content-Type: ;;;=\nContent-Disposition: attachment; filename*0*=x''%zz\n\nx\n",
    "Date: never\nSubject: =?x?q?=FF?= =?utf-8?b?A?=\n\nx\n",
    "Content-Type: multipart/mixed; boundary=X\n\n" + "--X\nContent-Type: multipart/mixed; boundary=X\n\n" * 200,
]


@pytest.mark.parametrize("rest", _BROKEN)
def test_broken_mime_is_no_error(rest: str) -> None:
    form = _form(_HEAD + rest)
    whole(form)


_SENTENCES = st.lists(
    st.sampled_from(["It costs 5,000 EUR.", "Öl ist da!", "Why not?", "\n", "> Is it?", "-- ", "Regards", "a=b"]),
    max_size=12,
)


@given(st.data(), _SENTENCES, st.sampled_from(["base64", "quoted-printable", "7bit"]))
def test_any_choice_is_made_of_whole_parts(data: st.DataObject, sentences: list[str], encoding: str) -> None:
    body = "\n".join(sentences)
    raw = body.encode()
    encoded = {
        "base64": base64.encodebytes(raw).decode(),
        "quoted-printable": quopri.encodestring(raw).decode(),
        "7bit": body,
    }
    form = _form(
        f"{_HEAD}Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: {encoding}\n\n{encoded[encoding]}"
    )
    chosen = data.draw(choices(form))
    rendered = form.render(chosen)
    assert all(form.part_text(number) in rendered for number in chosen)


@given(st.text(alphabet="-X:=?;\"'\n >ab\r\0é", max_size=200))
def test_no_text_is_an_error(rest: str) -> None:
    source = f"{_HEAD}Content-Type: multipart/mixed; boundary=X\n\n{rest}"
    email.read(source, 0, len(source))
