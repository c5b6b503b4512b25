"""Negations and conditions: the words that turn a statement round, or bind it."""

from functools import cache

import regex

from app.capsule.language import Language

_NEGATIONS = {
    "en": r"not|\w{2,6}n['’]t|no|never|none|nobody|nothing|nowhere|neither|nor|without|cannot|no one|rejected|denied|fails? to"
    r"|failed to|refused?|refuses|unable|lacks?|excluding|except|excluded|allergic|allergy|ruled out|withheld",
    "de": r"nicht|kein(?:e|en|em|er|es)?|nie|niemals|niemand(?:em|en)?|nichts|ohne|weder|noch nicht|ausgeschlossen|allergisch|allergien?",
    "fr": r"ne|n['’]\w+|pas|aucun|aucune|jamais|rien|sans|ni|nul|nulle|non|allergique|allergies?",
    "es": r"no|nunca|jamás|ningún|ninguna|ninguno|nadie|nada|sin|ni|tampoco|alérgic[oa]|alergias?",
}
_CONDITIONS = {
    "en": r"(?<!as )(?<!even )(?<!ask )(?<!asked )(?<!what )if(?! not)|unless|only if|provided|providing|as long as|in case|in the event|subject to|on condition|except"
    r"|only when|only after|only with",
    "de": r"wenn|falls|sofern|soweit|solange|es sei denn|außer|vorausgesetzt|unter der bedingung|nur mit|erst wenn|erst nach|vorbehaltlich",
    "fr": r"si|s['’]il|s['’]ils|sauf|à condition|à moins|pourvu|tant que|sous réserve|en cas|à défaut|seulement si",
    "es": r"si|salvo|excepto|a menos que|siempre que|siempre y cuando|a condición|en caso|mientras no|solo si|sólo si|pendiente",
}
# Negations and conditions that rule something out or bind somebody, so that they count as facts without any figure.
_RULES = {
    "en": r"(?:must|may|shall|should|can|could|will|does|do|did|is|are|was|were|has|have|had)(?:n['’]t| not| never)\b(?= (?:be|been|yet"
    r"|have|include|apply|exceed|use|switch|stop|start|delete|share|sign|drive|take|remove|open|pay|deploy|announce|restart|change|run"
    r"|tolerate|cover|permit|allowed|required|included|available|covered|possible|refundable|transferable|affected|changed|enough))"
    r"|(?:must|may|shall|cannot|can't)(?: not)?\b(?= )(?<=not|cannot|can't)|^\W*(?:and |but |please )*"
    r"(?:do not|don['’]t|never|no|nobody|no one|none|nothing|neither)\b"
    r"|(?:there (?:is|are|was|were|were|has been)|with|by) no\b|not yet|no longer|unless|only (?:if|when|after|with)|provided that"
    r"|subject to|without (?:the |prior |written |your |our )*(?:consent|approval|permission|notice|asking)|allerg(?:ic|y)|refused|rejected"
    r"|denied|excluded|prohibited|forbidden|voted against|ruled out|withheld|please do not|did not (?:help|work|change)"
    r"|no (?:significant|evidence|sign|difference|effect|change|work|one|further|longer)"
    r"|no \w+ (?:had|has|have|was|were|may|can|shall|will) |NOT\b",
    "de": r"(?:darf|dürfen|kann|können|soll|sollen|muss|müssen|wird|werden|ist|sind|wurde|wurden|hat|haben)\b.*\b(?:nicht|kein\w*)\b"
    r"|\b(?:nicht|keine?[nrms]?)\b.*\b(?:darf|dürfen|enthalten|anerkannt|möglich|zulässig|erfasst|erstattet|gestattet|übertragbar)"
    r"|ausgeschlossen|verboten|untersagt|^\W*keine?\b|sofern|es sei denn|unter der bedingung|nur (?:wenn|mit)|erst (?:wenn|nach)",
    "fr": r"aucune?\b|n['’](?:a|ont|est|était|étaient|avait) pas|ne (?:peut|peuvent|doit|doivent|sera|seront|se \w+) (?:pas|être)"
    r"|interdit|refus|rejet|à condition|sauf|à moins|sous réserve|sans (?:accord|autorisation)",
    "es": r"\bno (?:se|podrá|podrán|debe|deben|puede|pueden|será|serán|hay|existe|fuma|ha|han|está|incluye|autoriz)\w*|\bsin\b|ningun|ningún"
    r"|alérgic|prohib|rechaz|salvo|siempre que|a menos que|pendiente|suspend",
}
_CJK_NEGATION = (
    r"[不没沒无無未非勿](?!少|断|斷|仅|僅|同|过|過|料|久)|ない|なかっ|ません|ませぬ|おらず|せず|ではなく|なく、"
)
_CJK_CONDITION = r"如果|如需|除非|只有|只要|若|否则|前提|もし|場合|限り|なければ|れば"
_DIRECTIONS = {
    "up": r"r[oi]se[ns]?|rising|increas\w+|grew|grow[ns]?|growing|gain\w*|climb\w*|higher|up|jump\w*|surg\w+|rais\w+|expand\w*"
    r"|steig\w+|stieg\w*|gestiegen\w*|erhöh\w+|zunahm|wuchs|gewachsen|augment\w+|hausse|aument\w+|subi\w+|creci\w+",
    "down": r"fell|fall(?:s|en|ing)?|decreas\w+|declin\w+|dropp?\w*|lower\w*|down|shrank|shrink\w*|plung\w+|cut|cuts|reduc\w+|los[est]\w*"
    r"|sank|sink\w*|gesunken\w*|gefallen|zurückgegangen|zurückging|verringert\w*|baiss\w+|dimin\w+|recul\w+|baj\w+|descendi\w+|cay\w+",
}
_DIRECTION = {name: regex.compile(rf"\b(?:{words})\b", regex.IGNORECASE) for name, words in _DIRECTIONS.items()}


@cache
def _pattern(words_of: str, code: str) -> regex.Pattern[str]:
    by_language, cjk = (_NEGATIONS, _CJK_NEGATION) if words_of == "negation" else (_CONDITIONS, _CJK_CONDITION)
    if code in ("zh", "ja"):
        return regex.compile(cjk)
    languages = [code] if code in by_language else ["en", "de"]
    words = "|".join(by_language[language] for language in languages)
    return regex.compile(rf"\b(?:{words})\b", regex.IGNORECASE)


def negation_pattern(code: str) -> regex.Pattern[str]:
    """Finds the negations of the language `code`; English and German ones where it is another."""
    return _pattern("negation", code)


def condition_pattern(code: str) -> regex.Pattern[str]:
    """Finds what begins a condition in the language `code`; English and German ones where it is another."""
    return _pattern("condition", code)


def directions(text: str) -> frozenset[str]:
    """Whether `text` tells of something going `up` or `down`."""
    return frozenset(name for name, pattern in _DIRECTION.items() if pattern.search(text))


@cache
def _rules(code: str) -> regex.Pattern[str] | None:
    return regex.compile(_RULES[code], regex.IGNORECASE) if code in _RULES else None


def binds(said: str, language: Language) -> bool:
    """Whether a negated or conditional clause rules something out or binds somebody, other than in passing."""
    rules = _rules(language.code)
    return rules is None or rules.search(said) is not None
