"""Boilerplate: disclaimers, unsubscribe links, copyright lines in mails and pages."""

import regex

_BOILERPLATE = regex.compile(
    r"\byou(?: are| have|['’]re)? ?(?:receiv(?:e|ed|ing)|get(?:ting)?) (?:this|these) (?:(?:e-?)?mail|message|newsletter|notification)s?\b"
    r"|\bunsubscribe\b|\bmanage (?:your )?(?:(?:e-?)?mail |notification |subscription )?(?:preferences|settings|subscriptions)\b"
    r"|\b(?:view|read|open|see) (?:this|it|the) ?(?:(?:e-?)?mail|message|newsletter)? (?:in|on) (?:your|a|the) (?:web ?)?browser\b"
    r"|\b(?:this|the) (?:(?:e-?)?mail|message|communication|transmission)\b.{0,60}\b(?:confidential|privileged|intended (?:only|solely|for))"
    r"|\b(?:not|aren['’]t) the intended recipient\b|\breceived this (?:(?:e-?)?mail|message|communication) in error\b"
    r"|\bplease (?:consider|think of) the environment\b|\bthis is an automat(?:ed|ically generated) (?:(?:e-?)?mail|message)\b"
    r"|\bdo not reply (?:directly )?to this (?:(?:e-?)?mail|message)\b|\ball rights reserved\b|\bsent from my \w+|\bget outlook for\b"
    r"|(?:©|\(c\)|copyright) ?\d{4}|\bwe use cookies\b|\baccept (?:all )?cookies\b|\bterms of (?:use|service)\W{1,5}(?:privacy|imprint)"
    r"|\bsie (?:erhalten|bekommen) diese (?:(?:e-?)?mail|nachricht)|\bdiesen newsletter (?:nicht mehr|abbestellen)|\babbestellen\b|\babmelden\b.{0,40}newsletter"
    r"|\bdiese (?:(?:e-?)?mail|nachricht) (?:enthält|ist|kann|könnte)\b.{0,60}vertraulich|\bnicht der (?:richtige|beabsichtigte|vorgesehene) (?:adressat|empfänger)"
    r"|\bvon meinem \w+ gesendet|\bim browser (?:ansehen|öffnen|anzeigen)|\bwir verwenden cookies"
    r"|\bvous recevez cet? (?:(?:e-?)?mail|message|courriel)|\bse désabonner\b|\bdésinscri\w+|\bce (?:message|courriel|mail)\b.{0,60}confidentiel"
    r"|\benvoyé de mon \w+|\b(?:recibe|recibes|ha recibido) este (?:correo|mensaje)|\bdarse de baja\b|\beste (?:mensaje|correo)\b.{0,60}confidencial"
    r"|\benviado desde mi \w+|\bricevi questa (?:e-?)?mail\b|\bquesto messaggio\b.{0,60}(?:riservat|confidenzial)|\bdeze (?:e-?)?mail\b.{0,60}vertrouwelijk|\bafmelden\b",
    regex.IGNORECASE,
)  # fmt: skip
_WORDS = (
    "receiv", "get", "subscri", "browser", "confiden", "privileged", "intended", "in error", "environment", "automat", "reply",
    "rights", "sent from", "outlook", "©", "(c)", "copyright", "cookies", "terms of", "manage", "erhalten", "bekommen",
    "newsletter", "bestellen", "abmelden", "vertraulich", "adressat", "empfänger", "gesendet", "recevez", "désabonner", "désinscri",
    "envoyé", "recib", "baja", "enviado", "ricevi", "riservat", "vertrouwelijk", "afmelden",
)  # fmt: skip
"""Every boilerplate sentence contains one of them; searching for them first is faster."""
_LONGEST = 1000  # characters; longer sentences are not boilerplate


def is_boilerplate(text: str) -> bool:
    """Whether a sentence is a disclaimer, a link to unsubscribe, a copyright line or the like."""
    lowered = text.lower()
    if len(text) > _LONGEST or not any(word in lowered for word in _WORDS):
        return False
    return _BOILERPLATE.search(text) is not None
