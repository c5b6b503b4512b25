"""The patterns by which facts are found. Every repeat in them is possessive or bounded, so all are linear."""

import regex

CJK = r"\p{Han}\p{Hiragana}\p{Katakana}\u30fc\u3005\u3006"
_LETTER = rf"[\p{{L}}\p{{M}}--[{CJK}\p{{Thai}}\p{{Lao}}\p{{Khmer}}\p{{Myanmar}}]]"
_PART = rf"[\p{{L}}\p{{M}}\p{{Nd}}_--[{CJK}\p{{Thai}}\p{{Lao}}\p{{Khmer}}\p{{Myanmar}}]]"

# A run of letters and digits, with marks between such runs: word, identifier, path, host, e-mail address, version.
_TOKEN = rf"[@\#~]?+{_PART}++(?:[._\-/:\\@+\#&'’=~\u2010\u2011]{{1,3}}+{_PART}++)*+"

_GROUPED = (
    r"\d{1,3}+(?:,\d{3}+(?!\d))++(?:\.\d{1,30}+)?+"
    r"|\d{1,2}+(?:,\d{2}+(?!\d))++,\d{3}+(?!\d)"
    r"|\d{1,3}+(?:\.\d{3}+(?!\d)){2,}+(?:,\d{1,30}+)?+|\d{1,3}+(?:\.\d{3}+(?!\d))++,\d{1,30}+"
    r"|\d{1,3}+(?:['’\u00a0\u202f\u2009 ]\d{3}+(?!\d))++(?:[.,]\d{1,30}+)?+"
)
_NUMBER = rf"(?:{_GROUPED}|\d++(?:[.,]\d{{1,30}}+(?![.,]?+\d))?+)"
_CURRENCY_BEFORE = r"(?:[€$£¥￥]|(?:US|A|C|HK|NZ)\$|(?:EUR|USD|GBP|JPY|CHF|CNY|RMB)(?!\w))"

# Parts of MASTER that stand in it more than once.
_IP = r"""(?P<ip>     (?=\d)(?<![\w.])(?:\d{1,3}+\.){3}\d{1,3}+(?![\d.]\d)(?:/\d{1,2}+|:\d{1,5}+)?+(?!\w)
              | (?=[0-9a-fA-F:])(?<![\w:])(?=[0-9a-fA-F]{0,4}+:[0-9a-fA-F:]{0,4})(?:[0-9a-fA-F]{0,4}+:){3,7}+[0-9a-fA-F]{1,4}+
                (?:/\d{1,3}+)?+(?![\w:]) )"""
_CJK_TIME = (
    r"""(?P<cjktime> (?:上午|下午|晚上|凌晨|中午|午前|午後)?+\d{1,2}+\s?[时時点點](?!间|間|代)(?:\d{1,2}+分|半)?+ )"""
)
_SIGNED = (
    rf"""(?P<number> (?:{_CURRENCY_BEFORE}[ \u00a0\u202f]?|(?<![\w)\]])[+\-−±](?:{_CURRENCY_BEFORE})?+)?+ {_NUMBER} )"""
)

# By what a fact can begin with, so that at each place only those patterns are tried that may match there.
MASTER = regex.compile(
    rf"""
    (?=\p{{Ll}})(?:
    (?P<plain>  (?:\p{{Ll}}++,?[ ](?!\d))++ | \p{{Ll}}++(?=[.,;:!?]?+[\s)]) )
  | (?P<url>    (?=[hfswgprmaj])(?:https?|ftps?|ssh|git|wss?|s3|file|postgres(?:ql)?|mysql|redis|amqp|mongodb|jdbc:\w{{1,20}}+)
                ://[^\s<>"'“”«»「」`，。；、）{CJK}]{{1,2048}}+ | www\.[^\s<>"'“”«»`，。；、）{CJK}]{{1,2048}}+ )
  | {_IP}
  | (?P<word>   {_TOKEN} ) )
  | (?=[\p{{Lu}}\p{{Lt}}])(?:
    (?P<number> (?=[A-Z])(?<!\w){_CURRENCY_BEFORE}[ \u00a0\u202f]?{_NUMBER} )
  | (?P<path>   (?=[A-Z]:\\)(?<!\w)[A-Z]:\\[\w.\-+@%]++(?:\\[\w.\-+@%*]++)*+ )
  | (?P<name>   (?=[\p{{Lu}}\p{{Lt}}]){_TOKEN} ) )
  | (?=\d)(?:
    {_CJK_TIME}
  | {_IP}
  | (?P<date>   (?=\d)(?<!\d)\d{{4}}+(?P<_s>[-/.])\d{{1,2}}+(?P=_s)\d{{1,2}}+(?!\d|[-/]\d)(?:T(?=\d\d:))?+
              | (?=\d)(?<![\d.])\d{{1,2}}+(?P<_t>[-/.])\d{{1,2}}+(?P=_t)(?:\d{{4}}|\d{{2}})(?![\d\-/]|\.\d) )
  | (?P<cjkdate> (?=\d)(?:\d{{2,4}}+\s?年(?:\s?\d{{1,2}}+\s?月(?:\s?\d{{1,2}}+\s?[日号])?+)?+ | \d{{1,2}}+\s?月\s?\d{{1,2}}+\s?[日号]) )
  | (?P<time>   (?=\d)(?<![\d:.])\d{{1,2}}+:\d{{2}}(?!\d)(?::\d{{2}}(?!\d)(?:[.,]\d{{1,9}}+)?+)?+(?!:\d)
                (?:[ \u00a0\u202f]?[aApP]\.?[mM](?:\.(?=\W)|(?!\w)))?+ (?:Z(?!\w)|[+\-]\d{{2}}:?\d{{2}}(?!\d))?+
              | (?=\d)(?<![\d:.,])\d{{1,2}}+(?:\.[0-5]\d)?+[ \u00a0\u202f]?(?:[aApP]\.?[mM](?:\.(?=\W)|(?!\w))|Uhr(?!\w))
              | (?=\d)(?<![\d:.,])[0-2]?\d[ \u00a0\u202f]?h(?:[ \u00a0\u202f]?[0-5]\d(?!\w)|(?=[ \u00a0\u202f]?[.,;:)\s](?!\d))(?<=[ \u00a0\u202f]h)) )
  | {_SIGNED} )
  | (?=["“„«»「『《`])(?:
    (?P<quote>  (?=["“„«»「『《`]) (?: “[^“”\n]{{1,400}}+” | „[^„“”\n]{{1,400}}+[“”] | «[^«»\n]{{1,400}}+» | »[^«»\n]{{1,400}}+«
              | 「[^「」\n]{{1,400}}+」 | 『[^『』\n]{{1,400}}+』 | 《[^《》\n]{{1,100}}+》
              | (?<![\w"])"[^"\n]{{1,400}}+"(?!\w) | `[^`\n]{{1,200}}+` ) ) )
  | (?=[\p{{L}}\p{{M}}_{CJK}\u30fb々〇零·@\#~/\\:$€£¥￥]|\.(?=\.?[/\\])|[+\-−±](?=[\d$€£¥￥A-Z]))(?:
    {_CJK_TIME}
  | (?P<cjk>    (?:(?!(?:上午|下午|晚上|凌晨|中午|午前|午後)\d)[{CJK}\u30fb々〇零·])++ )
  | (?P<path>   (?=[~./\\])(?<![\w/.])(?:~|\.{{1,2}}+)?+[/\\](?![/\\*])[\w.\-+@%]++(?:[/\\][\w.\-+@%*]++)*+/?+ )
  | {_IP}
  | {_SIGNED}
  | (?P<word>   {_TOKEN} ) )
    """,
    regex.VERBOSE | regex.VERSION1,
)

TOKEN = regex.compile(_TOKEN, regex.VERSION1)

UNIT_AFTER = regex.compile(
    r"[ \u00a0\u202f\u2009]?(°[CF]?(?!\w)|[%‰€$£¥￥％℃°]|(?:US|A|C|HK|NZ)\$|per cent|pour cent|por ciento"
    r"|percentage points?|points de pourcentage|puntos porcentuales|[\p{L}µ]{1,16}+(?:/[a-z]{1,2}(?!\w)|[²³2](?!\w))?+\.?)",
    regex.VERSION1,
)
"""What may be a unit behind a number, a space at most between them."""

SECOND_UNIT = regex.compile(r"[ \u00a0\u202f](?:de |d['’]|of )?([%€$£¥]|(?:US|A|C|HK|NZ)\$|[\p{L}µ]{1,16}+)")
CJK_UNIT = regex.compile(
    r"([千万萬亿億兆]{0,2}+)((?:平方)?公里|平方米|公斤|千克|毫米|厘米|美元|日元|人民币|ドル|キロ|トン|メートル|グラム|[%％元円米克吨升度])?+"
)
COUNTED = regex.compile(r"[ \u00a0\u202f]([\p{Lu}\p{Ll}]\p{Ll}{1,30}+)(?!\w)")
"""The word behind a bare number that says what is counted."""
MEASURED = regex.compile(
    r"[ \u00a0](?:of (?:the|its|their|all)[ \u00a0]\p{L}{2,30}|(?:half|quarter|trimestre|semestre|Quartal|Halbjahr|day|week|month|year|Tag|Monat"
    r"|jour|mois|mes|día|floor|place|Mal|fois|vez))(?!\w)"
)
"""Behind an ordinal, what makes it a date or a share: the third quarter, a third of the population."""
ONE = regex.compile(
    r"\p{L}+ (year|month|week|day|hour|minute|Jahr|Monat|Monats|Jahres|Woche|Tag|Stunde|an|mois|semaine|jour|heure|año|mes|semana"
    r"|día|hora)(?!\w)",
    regex.IGNORECASE,
)
"""One of a measure of time; elsewhere the word is an article, or points at something."""
CJK_COUNTED = regex.compile(
    r"(?:(?:多|余|余り|以上)?+(?:[个個名人位件只台辆輛次回本枚階层座条項项社店校戸户棟所处節节组組套份封张張歳岁倍割分秒章页頁周週年月日天]"
    r"|分钟|小时|時間|分間|か月|ヶ月|个月|週間)(?:[\p{Han}]{0,2})?+)?+"
)

MONTH_AFTER_DAY = regex.compile(
    r"(?:st|nd|rd|th|er|re|º|ª|\.)?+[ \u00a0\-](?:de |of )?(\p{L}{3,12})\.?(?!\p{L})"
    r"(?:(?:,|[ \u00a0](?:de|del))?+[ \u00a0\-](\d{4})(?![\d.,]\d|\d))?+"
)
DAY_AFTER_MONTH = regex.compile(
    r"\.?[ \u00a0](?:(\d{1,2})(?:st|nd|rd|th)?+(?![\d.:]\d|\d|[ \u00a0]?[ap]\.?m)(?:,?[ \u00a0](\d{4})(?![\d.,]\d|\d))?+"
    r"|(?:of |de |del )?(\d{4})(?![\d.,]\d|\d))"
)
RANGE_TO = regex.compile(rf"[ \u00a0]?[–—][ \u00a0]?({_NUMBER})(?!\w*-\w)|-({_NUMBER})(?![\-\w])", regex.VERSION1)

NAME_NEXT = regex.compile(
    rf"(?P<gap>[ \u00a0](?:(?P<particle>of|of the|de|del|della|di|da|dos|das|la|le|les|du|des|van|von|der|den|zu|sur|sous|en)"
    rf"[ \u00a0]|[dl]['’]|&[ \u00a0]){{0,2}}+)(?P<next>\p{{Lu}}(?!\w)\.|(?=\p{{Lu}}){_TOKEN})",
    regex.VERSION1,
)

CAPITALISED_INSIDE = regex.compile(r"(?<=[\p{Ll}\p{N},][ \u00a0])\p{Lu}[\p{L}\p{M}\-]++")
"""Words with a capital that no beginning of a sentence gives them."""

LAST_WORD = regex.compile(r"([\p{L}\p{M}]{1,20}+)[ \u00a0]$")

# What may stand between the border of a sentence and a word that only looks like a name.
SENTENCE_HEAD = regex.compile(r"(?:^|[.!?:;…。！？]|[\n\r]|[-*•#>|]|\d[.)])[\s\"'“”„«»‘’`(\[*_#>|\-•–—]{0,16}+$")

FRACTIONS = frozenset("¼½¾⅓⅔⅛⅜⅝⅞")
FILE_EXTENSION = regex.compile(r"\.[A-Za-z][A-Za-z0-9]{0,7}$")
CAMEL = regex.compile(r"[\p{Ll}\d]\p{Lu}|\p{Lu}{2}\p{Ll}")
ABBREVIATION = regex.compile(r"\p{L}(?:\.\p{L})++\.?$")
