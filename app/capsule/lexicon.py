"""Words that mean something to the fact finder, by language.

Names of months, weekdays, countries and cities are CLDR's, by way of Babel; common English words are SCOWL's (its
terms lie beside the list); the rest is written here, for English, German, French and Spanish, some for Chinese and
Japanese.
"""

from functools import cache
from importlib.resources import files

import brotli
from babel import Locale, localedata

_DATE_LOCALES = """
    en de fr es it pt nl sv da nb fi pl cs tr ru uk el
    """.split()
_PLACE_LOCALES = ["en", "de", "fr", "es", "zh", "ja"]
_SHORTEST_MONTH = 3  # letters; CLDR shortens some further, to what is a word of another language


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


@cache
def months() -> dict[str, int]:
    """Folded names and short names of the months, to 1 to 12."""
    named: dict[str, int] = {"sept": 9, "märz": 3, "maerz": 3}
    for language in _DATE_LOCALES:
        tables = Locale.parse(language).months
        for context in ("format", "stand-alone"):
            for width in ("abbreviated", "wide"):
                for number, name in tables[context][width].items():
                    folded = name.casefold().rstrip(".")
                    if len(folded) >= _SHORTEST_MONTH and folded.isalpha():
                        named.setdefault(folded, number)
    return named


@cache
def month_words() -> frozenset[str]:
    """Month names that mean nothing else in the languages known here, so that one alone is a date."""
    named = {word for word in months() if len(word) > _SHORTEST_MONTH or word in ("mai", "mei")}
    return frozenset(named - _words("may march mars mares marts sept juni's août's led lis tam mart augusti's marzec"))


@cache
def weekdays() -> dict[str, int]:
    """Folded full names of the days of the week, Monday 0."""
    named: dict[str, int] = {}
    for language in _DATE_LOCALES:
        for number, name in Locale.parse(language).days["format"]["wide"].items():
            if name.isalpha():
                named.setdefault(name.casefold(), number)
    return named


@cache
def places() -> frozenset[str]:
    """Folded names of countries and of the cities after which time zones are named."""
    named: set[str] = set()
    for language in _PLACE_LOCALES:
        locale = Locale.parse(language)
        named.update(name.casefold() for code, name in locale.territories.items() if code.isalpha())
        named.update(zone["city"].casefold() for zone in locale.time_zones.values() if "city" in zone)
    return frozenset(named)


def forget_locales() -> None:
    """Have Babel let go of what it has read, 18 MB of small objects; it reads a locale again where one is asked for."""
    localedata._cache.clear()


@cache
def place_languages(language: str) -> tuple[str, ...]:
    """Names of places as a language without capitals writes them, longest first."""
    locale = Locale.parse(language)
    named = {name for code, name in locale.territories.items() if code.isalpha()}
    named.update(zone["city"] for zone in locale.time_zones.values() if "city" in zone)
    return tuple(sorted((name for name in named if len(name) > 1), key=lambda name: (-len(name), name)))


@cache
def english_words() -> frozenset[str]:
    """Some 40,000 English words that are written in small letters."""
    packed = files("app.capsule").joinpath("data/english_words.txt.br").read_bytes()
    return frozenset(brotli.decompress(packed).decode().split())


FUNCTION_WORDS: dict[str, frozenset[str]] = {
    "en": _words("""
        a an the this that these those it its he she they we you i his her their our my your me him them us in on at by
        for from to of with without within into onto upon about above across after against along among around as before
        behind below beneath beside between beyond but despite down during except inside like near off out outside over
        past per since through throughout toward towards under until up via and or nor so yet if when while because
        although though whereas whether unless once than then there here what which who whom whose where why how not no
        yes all each every some any most many much more both few several other another such same own only just also too
        very even still already again ever never always often sometimes usually is are was were be been being am has
        have had having do does did doing will would can could may might must shall should let's however therefore thus
        hence moreover furthermore additionally meanwhile overall according instead otherwise besides likewise
        nevertheless nonetheless indeed perhaps maybe rather quite almost nearly yesterday today tomorrow later earlier
        recently finally eventually first second third last next previously currently now
        """),
    "de": _words("""
        der die das den dem des ein eine einen einem einer eines kein keine keinen keinem keiner keines und oder aber
        denn sondern doch wenn weil dass daß ob als wie da während obwohl nachdem bevor damit sodass falls sofern soweit
        solange seit bis in im an am auf aus bei beim von vom zu zum zur mit nach für über unter vor hinter neben
        zwischen durch gegen ohne um trotz wegen laut gemäß ich du er sie es wir ihr mich dich sich uns euch mir dir ihm
        ihn ihnen mein dein sein unser euer dieser diese dieses diesen diesem jener jede jeder jedes alle allen aller
        alles manche viele vielen wenige einige mehrere andere anderen ist sind war waren bin bist sei seien wäre hat
        haben hatte hatten wird werden wurde wurden worden würde würden kann können konnte konnten könnte muss müssen
        musste soll sollen sollte sollten will wollen wollte darf dürfen mag möchte nicht nichts nie niemals niemand nur
        auch noch schon so sehr mehr sogar bereits etwa rund dabei dafür dagegen daher darum deshalb deswegen dann dort
        hier heute gestern morgen jetzt nun bisher danach dadurch darüber davon dazu zudem außerdem jedoch hingegen
        allerdings dennoch trotzdem zwar somit also wo wer was welche welcher welches man
        """),
    "fr": _words("""
        le la les l' un une des du de d' au aux ce cet cette ces mon ton son ma ta sa mes tes ses notre votre leur nos
        vos leurs je tu il elle on nous vous ils elles me te se lui y en qui que quoi dont où et ou mais donc or ni car
        si quand lorsque comme puisque parce afin pour par avec sans sous sur dans chez entre vers depuis pendant avant
        après contre malgré selon dès jusque jusqu' est sont était étaient être été a ont avait avaient avoir eu sera
        seront serait fait ne pas plus jamais rien aucun aucune très trop aussi encore déjà même tout toute tous toutes
        autre autres plusieurs quelques chaque certains certaines ainsi alors cependant pourtant toutefois enfin ensuite
        puis hier aujourd'hui demain ici là voici voilà comment pourquoi combien outre quant lors reste cela ceci ça
        """),
    "es": _words("""
        el la los las un una unos unas de del al a en con sin por para sobre entre hasta desde hacia según durante
        mediante contra ante bajo tras y e o u ni pero sino aunque porque pues que quien quienes cual cuales cuyo donde
        cuando como si no sí ya muy más menos tan tanto también tampoco además este esta estos estas ese esa esos esas
        aquel aquella esto eso ello yo tú él ella usted nosotros ellos ellas ustedes me te se lo le les nos su sus mi
        mis tu tus nuestro nuestra es son era eran fue fueron ser sido está están estaba estar ha han había haber hay
        será serán sería todo toda todos todas otro otra otros otras algún alguna algunos cada mismo misma así entonces
        luego después antes ahora hoy ayer mañana aquí allí sin embargo mientras cómo qué cuándo dónde cuánto asimismo
        """),
}

ALL_FUNCTION_WORDS = frozenset().union(*FUNCTION_WORDS.values())

WEIGHTY_WORDS = _words("""
    all every each any most many much more both few several other another same only very always often sometimes usually
    off out outside inside over above below before after within until up yes perhaps maybe almost nearly yesterday
    today tomorrow later earlier recently first second third last next again ever never none without
    alle allen aller alles viele vielen wenige mehrere nie niemals niemand nur sehr mehr sogar bereits heute gestern
    morgen jetzt bisher ohne gegen vor nach trotz
    jamais rien aucun aucune très trop plus toujours déjà tout toute tous toutes plusieurs quelques chaque hier demain
    avant après contre sans sous
    muy más menos nunca tampoco todo toda todos todas cada antes después ahora hoy ayer mañana contra sin bajo tras
    """)
"""Function words that say something by themselves: how many, how often, when, where."""

TELLING_WORDS = _words("""
    text article passage author summary summarizes summarises describes discusses explains mentions reports states
    says said tells notes announces announced includes including included provides according also about
    bericht berichtet artikel beschreibt sagt sagte meldet teilt mitteilung laut
    article auteur décrit explique annonce indique selon dit
    artículo autor describe explica anuncia indica según dice dijo
    """)
"""Words with which a summary speaks of its text."""

_NUMBER_LINES = """
        2 two zwei deux dos zwo
        3 three drei trois tres
        4 four vier quatre cuatro
        5 five fünf cinq cinco
        6 six sechs seis
        7 seven sieben sept siete
        8 eight acht huit ocho
        9 nine neun neuf nueve
        10 ten zehn dix diez
        11 eleven elf onze once
        12 twelve zwölf douze doce dozen dutzend douzaine docena
        13 thirteen dreizehn treize trece
        14 fourteen vierzehn quatorze catorce
        15 fifteen fünfzehn quinze quince
        16 sixteen sechzehn seize dieciséis
        17 seventeen siebzehn diecisiete
        18 eighteen achtzehn dieciocho
        19 nineteen neunzehn diecinueve
        20 twenty zwanzig vingt veinte
        30 thirty dreißig trente treinta
        40 forty vierzig quarante cuarenta
        50 fifty fünfzig cinquante cincuenta
        60 sixty sechzig soixante sesenta
        70 seventy siebzig setenta
        80 eighty achtzig ochenta
        90 ninety neunzig noventa
        100 hundred hundert cent cien ciento
        1000 thousand tausend mille mil
        1000000 million millionen millions millón millones
        1000000000 billion milliarde milliarden milliards milliard
    """.strip().splitlines()
NUMBER_WORDS: dict[str, int] = {word: int(line.split()[0]) for line in _NUMBER_LINES for word in line.split()[1:]}
"""Words for whole numbers. One is left out: in most languages it is the article too."""

AMBIGUOUS_NUMBER_WORDS: dict[str, str] = {
    "once": "es",
    "sept": "fr",
    "dos": "es",
    "elf": "de",
    "six": "",
    "mil": "es",
}
"""Number words that mean something else in another language, with the language in which they are one."""

SHARE_WORDS = _words("""
    half halves double doubled doubles doubling twice triple tripled thrice halved
    hälfte halb halbe halben halbes drittel viertel doppelt doppelte doppelten verdoppelt verdoppelte halbiert
    moitié demi demie tiers doublé triple triplé mitad medio media tercio doble duplicó triplicó
    """)
"""Words for parts and multiples."""

ONES = _words("one single ein eine einen einem einer eines un une una")
ORDINALS = _words("""
    first second third fourth fifth sixth seventh eighth ninth tenth erste ersten erster zweite zweiten zweiter dritte
    dritten dritter vierte vierten deuxième troisième quatrième cinquième segundo segunda tercero tercera tercer cuarto
    """)

TITLES = _words("mr mrs ms dr prof professor sir dame lord lady herr frau monsieur madame mme m señor señora sr sra")

NOUN_ENDINGS = """
    ung ungen heit heiten keit keiten schaft schaften tion tionen sion sionen tät täten nis nisse tum ling
    linge chen ment mente enz enzen anz anzen ismus werk werke zeit zeiten jahr jahre jahren preis preise
    gesetz arbeit arbeiten stelle stellen zahl zahlen kosten raum räume plan pläne amt ämter haus häuser weg
    wege
    """.split()

GERMAN_BARE_NOUNS = _words("""
    anfang ende mitte beginn grund folge rahmen teil teile angaben lohn kunden kunde recht arbeit betrieb kraft bezug
    hilfe frage fragen zeit jahr jahren jahre monat monate monaten woche wochen tag tage tagen stunde stunden minuten
    sekunden uhr euro cent prozent million millionen milliarde milliarden tonnen meter metern kilometer kilometern
    grad personen menschen frauen männer männern kinder kindern eltern leute mitarbeiter mitarbeitern mitarbeiterinnen
    beschäftigte beschäftigten bürger bürgern gäste nutzer anwohner ort stelle hand haus hause land stadt wasser
    strom gas öl geld schritt druck sicht wahl not tat fall fälle fällen form art dank vergleich gegensatz zusammenhang
    verbindung anspruch absprache auftrag basis seiten seite platz erfolg eis schnee regen wetter sommer winter herbst
    frühjahr frühling morgen abend nacht mittag vormittag nachmittag montag wert werte gefahr schutz schäden verlust
    gewinn umsatz bedarf anfrage wunsch brief schreiben post mail telefon internet fuß bus bahn zug auto rad beispiel
    widerspruch interesse stille ruhe freude sorge sorgen hoffnung hoffnungen küchen möbel waren material dingen dinge
    """)
"""German nouns that often stand without an article, where a name would stand."""

GERMAN_NAME_PREPOSITIONS = _words("in aus nach bei von zwischen gegen für mit über um bis ab laut durch nahe bei wie")
"""Words behind which a German capitalised word without an article is often a name."""

GERMAN_ARTICLES = _words("""
    der die das den dem des ein eine einen einem einer eines kein keine keinen keinem keiner keines im am beim vom zum
    zur ins ans mein meine meinen dein sein seine seinen seiner seinem ihr ihre ihren ihrer ihrem unser unsere unseren
    unserer dieser diese dieses diesen diesem jede jeder jedes jeden alle allen aller viele vielen wenige einige
    mehrere andere anderen manche beide beiden welche etwas mehr weniger
    """)
