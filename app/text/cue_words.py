"""The words of each cue, by language: regular expressions without groups that capture."""

from typing import Literal

Cue = Literal[
    "consequence",
    "attribution",
    "pronoun",
    "definite",
    "telling",
    "connective",
    "condition",
    "exception",
    "binding",
    "conclusion",
    "greeting",
    "courtesy",
    "agreement",
    "negation",
    "cause",
    "request",
]

WORDS: dict[Cue, dict[str, str]] = {
    # At the head of a sentence: it is about what a sentence before it names.
    "pronoun": {
        "en": "he|she|it(?! (?:is|was|will be|seems|appears|takes|took) (?:\\w+ ){0,2}(?:that|to|clear|likely|important|possible))|they|his|her"
        "|its|their|him|them"
        "|(?:it|i|we|you|there) (?:(?:is|was|has|\\w*[^\\Ws]) ){1,5}(?:them|they|him|he|her|she)",
        "de": "er|sie|ihr|ihre|ihren|ihrem|ihrer|sein|seine|seinen|seinem|seiner|dessen|deren|es(?= (?:ist|war|hat|wurde|kann|soll|wird)\\b)",
        "fr": "il(?! (?:y a|faut|est (?:interdit|important|nécessaire)))|elle|ils|elles|son|sa|ses|leur|leurs|lui",
        "es": "él|ella|ellos|ellas|su|sus",
        "it": "egli|ella|lui|lei|essi|esse|loro|il suo|la sua|i suoi|le sue",
        "pt": "ele|ela|eles|elas|seu|sua|seus|suas",
        "nl": "hij|zij|ze|zijn|haar|hun",
        "ru": "он|она|они|оно|его|её|ее|их",
        "zh": "他|她|它|他们|她们|它们|其",
        "ja": "彼|彼女|彼ら|それ",
        "hi": "वह|वे|उसने|उन्होंने|उसका|उनका|इसका",
    },
    # At the head of a sentence: a noun for what a sentence before it names.
    "definite": {
        "en": "the (?:company|firm|group|agency|team|authority|organi[sz]ation|man|woman|couple|pair|study|report|ruling|law|plan|decision|move"
        "|claim|proposal|incident|attack|accident|deal|agreement|device|product|result|results|latter|former)",
        "de": "d(?:er|ie|as) (?:unternehmen|firma|konzern|gruppe|behörde|team|mann|frau|paar|studie|bericht|urteil|gesetz|plan|entscheidung"
        "|beschluss|vorfall|unfall|angriff|vereinbarung|gerät|ergebnis)",
        "fr": "(?:le|la|l['’]) ?(?:entreprise|société|groupe|agence|équipe|homme|femme|étude|rapport|loi|plan|décision|incident|accident|accord)",
        "es": "(?:el|la) (?:empresa|compañía|grupo|agencia|equipo|hombre|mujer|estudio|informe|ley|plan|decisión|incidente|accidente|acuerdo)",
    },
    # At the head of a sentence: it goes on from the sentence right before it.
    "connective": {
        "en": "but|however|therefore|thus|hence|so|also|moreover|furthermore|in addition|additionally|instead|otherwise"
        "|nevertheless|nonetheless|still|yet|consequently|as a result|as such|for example|for instance|similarly|likewise"
        "|by contrast|in contrast|on the other hand|conversely|both|the former|the latter|another|others|among (?:them|these)"
        "|and|or|nor|because of (?:this|that)|in turn|this|that(?! (?:the|a)\\b)|these|those|such|then|after that|afterwards"
        "|in (?:this|that|these|such) (?:case|cases|way)|to (?:this|that) end|if (?:so|not)|even so|meanwhile|again|too|same|the same",
        "de": "aber|jedoch|doch|allerdings|deshalb|deswegen|daher|darum|dadurch|dabei|dafür|dagegen|damit|davon|dazu|daran|darauf"
        "|daraus|somit|folglich|außerdem|zudem|ferner|darüber hinaus|stattdessen|andernfalls|sonst|trotzdem|dennoch|zum beispiel"
        "|beispielsweise|ebenso|ebenfalls|hingegen|und|oder|dies|dieser|diese|dieses|diesem|diesen|solche|danach|dann|anschließend"
        "|das (?:ist|war|sind|waren|hat|wird|wurde|bedeutet|heißt|zeigt|gilt)|so(?= (?:ist|war|hat|kann|wird|soll))|auch|beide|letztere",
        "fr": "mais|cependant|toutefois|donc|ainsi|alors|de plus|en outre|par ailleurs|en revanche|pourtant|néanmoins|par exemple|de même"
        "|et|ou|or|ce|cet|cette|ces|cela|ceci|c['’]est|celui-ci|celle-ci|ensuite|puis|après quoi|à ce titre|dans ce cas|par conséquent|aussi",
        "es": "pero|sin embargo|no obstante|por (?:lo )?tanto|por eso|así|además|asimismo|en cambio|también|por ejemplo|y|o|este|esta|esto"
        "|estos|estas|ese|esa|eso|dicho|dicha|luego|después|entonces|en ese caso|por consiguiente|aun así",
        "it": "ma|però|tuttavia|quindi|perciò|pertanto|inoltre|invece|infatti|anche|e|o|questo|questa|questi|queste|ciò|poi|così|per esempio",
        "pt": "mas|porém|contudo|no entanto|portanto|assim|além disso|também|por exemplo|e|ou|este|esta|isto|esse|essa|isso|depois|então",
        "nl": "maar|echter|daarom|dus|bovendien|ook|daarnaast|toch|bijvoorbeeld|en|of|dit|dat|deze|die|daarna|vervolgens|dan|zo",
        "ru": "но|однако|поэтому|таким образом|кроме того|также|тем не менее|например|и|или|это|этот|эта|эти|затем|потом|при этом|а",
        "zh": "但是|但|可是|不过|然而|因此|所以|此外|另外|而且|例如|比如|这|那|这些|那些|其中|同时|然后|于是|否则|也",
        "ja": "しかし|だが|ただし|そのため|したがって|また|さらに|例えば|たとえば|この|その|これ|それ|そして|次に|なお",
        "hi": "लेकिन|परंतु|इसलिए|इसके अलावा|और|या|यह|ये|फिर|हालांकि",
    },
    # Near the head of a sentence: it is a consequence of the sentence right before it.
    "consequence": {
        "en": "therefore|thus|hence|consequently|accordingly|for this reason",
        "de": "daher|deshalb|deswegen|darum|somit|folglich|infolgedessen",
        "fr": "donc|par conséquent|ainsi",
        "es": "por (?:lo )?tanto|por eso|por ello|así que",
        "it": "quindi|perciò|pertanto",
        "pt": "portanto|por isso|assim",
        "nl": "daarom|dus|derhalve",
        "ru": "поэтому|потому|следовательно",
        "zh": "因此|所以|于是",
        "ja": "そのため|したがって",
    },
    # At the head of a sentence: it says that a text says something, in place of saying it.
    "telling": {
        "en": "(?:the|this) (?:text|article|document|passage|summary|e-?mail|message|letter|notice|blog(?: post)?)(?:['’]s \\w+)?"
        "|(?:the|this) (?:author|writer|speaker|reviewer|sender) (?:\\w+ly )?(?:describes?|discuss(?:es)?|talks?|mentions?|explains?|writes?|says|states"
        "|notes|reports?|tells?|shares?|expresses|highlights|emphasizes|reflects|provides|gives|lists|outlines|summarizes)|the main (?:point|topic|idea)",
        "de": "(?:der|dieser|die|diese|das|dieses) (?:text|artikel|dokument|autor|autorin|verfasser|sprecher|zusammenfassung|e-?mail|nachricht|brief)|der hauptpunkt",
        "fr": "(?:le|ce|l['’]|la|cette) ?(?:texte|article|document|auteur|message|lettre|résumé|courriel)|le point principal",
        "es": "(?:el|este|la|esta) (?:texto|artículo|documento|autor|autora|mensaje|carta|resumen|correo)|el punto principal",
        "it": "(?:il|questo|l['’]|la|questa) ?(?:testo|articolo|documento|autore|messaggio|lettera)",
        "pt": "(?:o|este|a|esta) (?:texto|artigo|documento|autor|mensagem|carta)",
        "nl": "(?:de|deze|het|dit) (?:tekst|artikel|document|auteur|bericht|brief)",
        "zh": "(?:这篇|本|该)(?:文章|文本|文件|文|文档)|作者",
        "ja": "(?:この|本)(?:文章|テキスト|記事|文書)|筆者|著者",
        "ru": "(?:этот|данный) (?:текст|документ)|эта статья|автор|в тексте",
    },
    # In a quotation's frame: who speaks was named before.
    "attribution": {
        "en": "[\"”’],? (?:he|she|they) (?:said|says|told|added|explained|wrote|asked)|[\"”’],? (?:said|says|added) (?:he|she|they)",
        "de": "[\"“”«],? (?:sagte|sagt|erklärte|meinte|so|fügte) (?:er|sie)",
        "fr": "[»\"”],? (?:a-t-(?:il|elle)|dit-(?:il|elle)|explique-t-(?:il|elle)|ajoute-t-(?:il|elle))",
        "es": "[»\"”],? (?:dijo|añadió|explicó|señaló)(?! \\p{Lu})",
    },
    # At the head of a sentence: what follows holds only under it.
    "condition": {
        "en": "if|in case|in the event|where|when|whenever|should (?:you|the|a|any)",
        "de": "wenn|falls|sofern|sollte|sollten|im falle",
        "fr": "si|s['’]il|s['’]ils|en cas|au cas où|lorsque",
        "es": "si|en caso|cuando",
        "it": "se|in caso|qualora",
        "pt": "se|caso|em caso",
        "nl": "als|indien|in geval",
        "ru": "если|в случае",
        "zh": "如果|若|如需|一旦",
        "ja": "もし|万一",
    },
    # At the head of a sentence: it takes something away from the rule before it.
    "exception": {
        "en": "unless|except|exceptions?|excluded|not included|only if|provided|however, (?:this|it|that|the)|this does not|these do not"
        "|it does not apply|does not apply|but not|if not|otherwise",
        "de": "ausgenommen|ausnahmen?|außer|es sei denn|dies gilt nicht|das gilt nicht|nicht (?:erfasst|enthalten|inbegriffen|betroffen)|sofern|nur wenn|andernfalls",
        "fr": "sauf|excepté|à l['’]exception|toutefois|exceptions?|cela ne|ceci ne|sinon|à condition",
        "es": "salvo|excepto|a menos que|excepciones?|esto no|no se aplica|siempre que|de lo contrario",
        "it": "salvo|eccetto|tranne|a meno che|eccezioni?|ciò non|purché",
        "pt": "salvo|exceto|a menos que|exceções|isto não|desde que",
        "nl": "behalve|tenzij|uitgezonderd|dit geldt niet|mits",
        "ru": "кроме|за исключением|исключение|если не|при условии",
        "zh": "除非|除外|但不|例外",
        "ja": "ただし|例外",
    },
    # Anywhere: somebody decides, must, may not, or promises; a condition holds.
    "binding": {
        "en": "must|shall|may not|must not|should not|cannot|can not|do not|don['’]t|never|always|only|required|obliged|forbidden|prohibited"
        "|decided|decision|agreed|approved|rejected|resolved|voted|deadline|by (?:the end of|monday|tuesday|wednesday|thursday|friday|saturday"
        "|sunday)|due|unless|until|except|allergic|warn(?:ed|ing)?|please|will not|won['’]t|no longer|cancel(?:led|s)?|responsible|liable|ban(?:ned)?"
        "|recommend(?:s|ed)?|advise[sd]?|need(?:s|ed)? to|has to|have to|had to"
        "|^(?:read|check|write|use|send|keep|make sure|ensure|avoid|include|call|stop|take|point out|mention|say|return|set|add|remove|answer|wait|contact|report)",
        "de": "muss|müssen|darf|dürfen|soll|sollen|nicht|kein|keine|keinen|nie|niemals|nur|immer|erst|beschloss|beschlossen|beschließt|entschieden"
        "|vereinbart|genehmigt|abgelehnt|frist|bis zum|spätestens|verboten|untersagt|ausgeschlossen|es sei denn|sofern|bitte|künftig"
        "|empfiehlt|empfehlen|verpflichtet|haftet",
        "fr": "doit|doivent|devra|devront|ne peut|ne peuvent|interdit|interdite|jamais|toujours|uniquement|seulement|seule?s?|décidé|décision|approuvé"
        "|rejeté|adopté|avant le|au plus tard|délai|sauf|à condition|obligatoire|recommande|s['’]applique|faut",
        "es": "debe|deben|deberá|deberán|no puede|no pueden|prohibido|prohibida|nunca|siempre|solo|sólo|únicamente|decidió|decisión|acordó|aprobó|rechazó"
        "|antes del|plazo|a más tardar|salvo|obligatorio|recomienda|hay que",
        "it": "deve|devono|non può|vietato|mai|sempre|solo|soltanto|deciso|decisione|approvato|respinto|entro|salvo|obbligatorio|bisogna",
        "pt": "deve|devem|não pode|proibido|nunca|sempre|só|somente|decidiu|decisão|aprovou|rejeitou|até|prazo|salvo|obrigatório",
        "nl": "moet|moeten|mag niet|verboden|nooit|altijd|alleen|besloten|besluit|goedgekeurd|afgewezen|uiterlijk|tenzij|verplicht",
        "ru": "должен|должна|должны|нельзя|запрещено|никогда|всегда|только|решил|решили|решено|решение|одобрен|отклон|до окончания|не позднее|обязан",
        "zh": "必须|不得|不能|不准|禁止|不要|应当|应该|决定|批准|同意|拒绝|以前|之前|截止|只有|只能|务必|需要",
        "ja": "なければならない|してはならない|禁止|必ず|決定|決めた|承認|却下|までに|期限|ください|のみ|できません",
        "hi": "चाहिए|नहीं|कभी|केवल|निर्णय|फैसला|अनिवार्य|मना|जब तक|तक",
    },
    # Anywhere: a result, a conclusion, an answer.
    "conclusion": {
        "en": "in conclusion|to conclude|concludes?|concluded|in summary|in short|to sum up|overall|on the whole|all in all|finally|in the end"
        "|the (?:result|results|outcome|upshot|conclusion|bottom line|reason|cause|aim|goal)|as a result|showed that|shows that|found that|found"
        "|revealed|caused by|root cause|because|due to|turned out|the decision is|main topic|key",
        "de": "fazit|zusammenfassend|insgesamt|schließlich|letztlich|unterm strich|im ergebnis|ergebnis|ergab|ergaben|zeigt|zeigte|ursache|grund|weil|wegen",
        "fr": "en conclusion|en résumé|au final|finalement|en somme|résultat|résultats|montre|révèle|cause|parce que|conclut|conclu|donc",
        "es": "en conclusión|en resumen|finalmente|en definitiva|resultado|resultados|muestra|reveló|causa|porque|debido a|concluye",
        "it": "in conclusione|in sintesi|infine|risultato|risultati|mostra|causa|perché",
        "pt": "em conclusão|em resumo|finalmente|resultado|resultados|mostra|causa|porque",
        "nl": "tot slot|kortom|uiteindelijk|resultaat|resultaten|blijkt|oorzaak|omdat",
        "ru": "в итоге|в результате|таким образом|вывод|показал|показали|причина|потому что",
        "zh": "总之|结果|最终|结论|发现|原因|因为|由于",
        "ja": "結論|結果|最終的|判明|原因|ため",
        "hi": "अंत में|परिणाम|कारण|क्योंकि",
    },
    # At the head of a sentence.
    "greeting": {
        "en": "hi|hello|hey|dear|good (?:morning|afternoon|evening|day)|greetings",
        "de": "hallo|hi|liebe[rs]?|sehr geehrte[rs]?|guten (?:tag|morgen|abend)|moin",
        "fr": "bonjour|bonsoir|salut|cher|chère|chers|madame|monsieur",
        "es": "hola|estimad[oa]s?|querid[oa]s?|buenos días|buenas tardes",
        "it": "ciao|gentile|caro|cara|buongiorno|salve",
        "pt": "olá|oi|prezad[oa]s?|car[oa]s?|bom dia|boa tarde",
        "nl": "hallo|beste|geachte|hoi|goedemorgen",
        "sv": "hej|kära",
        "pl": "cześć|witam|szanown\\w+|dzień dobry",
        "tr": "merhaba|sayın|selam",
        "ru": "здравствуйте|привет|добрый (?:день|вечер)|доброе утро|уважаем\\w+|дорог\\w+",
        "uk": "вітаю|привіт|добрий день|шановн\\w+",
        "zh": "大家好|各位|您好|你好|尊敬的|亲爱的",
        "ja": "こんにちは|お疲れ様|お世話|拝啓|いつも",
        "hi": "नमस्ते|नमस्कार|प्रिय|आदरणीय",
        "ar": "مرحبا|السلام عليكم|عزيزي",
    },
    # Anywhere: thanks and good wishes.
    "courtesy": {
        "en": "thank you|thanks(?! to (?:the|a|an|its|his|her|their)\\b)|you are welcome"
        "|you['’]re welcome|best (?:wishes|regards)|kind regards|regards,?$|sincerely|cheers|have a (?:nice|good|great|lovely)|hope (?:you|that you|this finds|all|everyone"
        "|the weather|that the weather)|(?:good|great|nice|lovely|pleasure) to (?:see|meet|hear|talk)|see you|take care|how can i help|happy to help"
        "|look(?:ing)? forward|do not hesitate|don['’]t hesitate|wish you|(?:send|sending) (?:you )?my|sorry to hear|all the best|enjoyed the",
        "de": "danke|vielen dank|dank an|bedanke|herzlichen dank|mit (?:freundlichen|besten|herzlichen) grüßen"
        "|viele grüße|liebe grüße|schönen (?:tag|abend)|schönes wochenende|alles gute|freue mich|ich hoffe|wir hoffen|hoffe,? (?:es|dass|ihr|sie)|wünsche",
        "fr": "merci|cordialement|bien à vous|salutations|bonne (?:journée|soirée)|j['’]espère|nous espérons|au plaisir"
        "|n['’]hésitez pas|je vous souhaite",
        "es": "gracias|saludos|atentamente|un abrazo|espero que|esperamos que|que tengas?|le deseo",
        "it": "grazie|saluti|cordiali|spero che|buona giornata|auguri",
        "pt": "obrigad[oa]|abraço|atenciosamente|espero que|tenha um",
        "nl": "bedankt|dank (?:je|u)|groet|groeten|hopelijk|ik hoop|fijne dag",
        "sv": "tack|vänliga hälsningar|hoppas",
        "pl": "dziękuj\\w+|pozdrawiam|mam nadzieję",
        "tr": "teşekkür|saygılar|umarım",
        "ru": "спасибо|благодар\\w+|с уважением|надеюсь|желаю|всего доброго|очень мило",
        "uk": "дякую|з повагою|сподіваюся",
        "zh": "谢谢|感谢|辛苦|此致|敬礼|祝(?:您|你|大家)|希望以后|希望大家|再见",
        "ja": "ありがとう|よろしくお願い|感謝|失礼いたします|敬具|お疲れさま",
        "ko": "안녕하세요|감사합니다|수고",
        "hi": "धन्यवाद|शुक्रिया|आभार|आशा है|शुभकामना",
        "ar": "شكرا|تحياتي|أتمنى",
    },
    # At the head of a turn: somebody agrees.
    "agreement": {
        "en": "yes|yeah|okay|ok|all right|alright|agreed|deal|sure|fine|approved|we will|let['’]s|good,? then",
        "de": "ja|okay|ok|gut|in ordnung|einverstanden|abgemacht|klar|machen wir|dann",
        "fr": "oui|d['’]accord|entendu|très bien|bien sûr|ok",
        "es": "sí|de acuerdo|vale|está bien|claro|bueno",
        "it": "sì|va bene|d['’]accordo|certo",
        "pt": "sim|está bem|combinado|claro|tudo bem",
        "nl": "ja|oké|akkoord|prima|goed",
        "ru": "да|хорошо|ладно|договорились|согласен|согласна",
        "zh": "好的|好|可以|同意|行|没问题",
        "ja": "はい|わかりました|了解|いいです",
    },
    "negation": {
        "en": "not|\\w{2,6}n['’]t|no|never|none|nobody|nothing|nowhere|neither|nor|without|cannot|unable|fail(?:s|ed)? to|refus(?:e|es|ed)|lack(?:s|ed)?|denied|denies|deny|rejected|rejects|reject",
        "de": "nicht|kein(?:e|en|em|er|es)?|nie|niemals|niemand(?:em|en)?|nichts|ohne|weder|abgelehnt|lehnt|lehnte",
        "fr": "ne|n|pas|aucun|aucune|jamais|rien|sans|ni|nul|nulle|non|refus\\w*",
        "es": "no|nunca|jamás|ningún|ninguna|ninguno|nadie|nada|sin|ni|tampoco|rechaz\\w+",
        "it": "non|mai|nessun\\w*|niente|nulla|senza|né",
        "pt": "não|nunca|nenhum\\w*|ninguém|nada|sem|nem",
        "nl": "niet|geen|nooit|niemand|niets|zonder|noch",
        "ru": "не|ни|нет|нельзя|никто|ничего|никогда|без",
        "zh": "不|没|沒|未|无|無|非|勿|别",
        "ja": "ない|なかっ|ません|ず",
        "hi": "नहीं|न|मत|बिना",
    },
    "cause": {
        "en": "because|due to|since|as a result|caused?|reason|owing to|led to|therefore",
        "de": "weil|da|wegen|aufgrund|ursache|grund|deshalb|daher",
        "fr": "parce que|car|en raison|à cause|cause|grâce",
        "es": "porque|debido|causa|razón|por eso",
        "it": "perché|causa|a causa|poiché",
        "pt": "porque|devido|causa",
        "nl": "omdat|wegens|door|oorzaak",
        "ru": "потому|из-за|причин\\w+|так как",
        "zh": "因为|由于|原因",
        "ja": "ため|から|原因",
        "hi": "क्योंकि|कारण",
    },
    # Anywhere: somebody asks for something, as the user of an assistant does.
    "request": {
        "en": "please|can (?:you|we|i)|could (?:you|we|i)|would you|may (?:we|i)|i (?:want|need|wish|prefer)|we (?:want|need|wish|prefer)"
        "|(?:i|we)(?: would|['’]d) (?:like|rather|prefer)|let['’]s|make sure"
        "|(?:^|(?:when|once|after|before|if|then|and|also|now|first)\\b[^.]{0,60}?[, ]{1,2})(?:add|answer|ask|build|change|check|clean|commit|compare|continue"
        "|convert|create|debug|delete|deploy|explain|extract|find|fix|generate|give|go|implement|install|keep|list|look|make|merge|move|open|push|put|read"
        "|refactor|remove|rename|replace|review|rewrite|run|search|send|show|start|stop|summari[sz]e|tell|test|translate|try|update|use|write)",
        "de": "bitte|kannst du|können sie|könntest du|könnten sie|können wir|ich (?:möchte|will|brauche|hätte gern)|wir (?:möchten|wollen|brauchen)|lass uns",
        "fr": "s['’]il (?:te|vous) plaît|peux-tu|pouvez-vous|pourriez-vous|je (?:veux|voudrais|souhaite)|nous (?:voulons|souhaitons)|il faut",
        "es": "por favor|puedes|puede usted|podrías|podría|quiero|quisiera|queremos|necesito|necesitamos|hay que",
        "zh": "请|能不能|可以吗|我要|我想|我们要",
        "ja": "ください|お願い|してほしい|できますか|したい",
    },
}  # fmt: skip
