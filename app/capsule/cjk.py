"""Names and number words in Chinese and Japanese, whose scripts have neither capitals nor spaces.

Without a dictionary of words a name is told by what stands at its side: a title or a verb of saying, a family name, the
ending of a firm, office or place; besides, countries and large cities are known (CLDR), and what Japanese writes in
katakana is mostly a name or a term.
"""

from collections.abc import Iterator
from functools import cache
from typing import Literal

import regex

from app.capsule import lexicon
from app.capsule.values import number_key

Found = tuple[Literal["name", "number"], int, int, str]

_DIGITS = {
    c: value for value, cs in enumerate(["〇零", "一", "二两兩", "三", "四", "五", "六", "七", "八", "九"]) for c in cs
}
_POWERS = {"十": 10, "百": 100, "千": 1000}
_LARGE = {"万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8, "兆": 10**12}

_NUMERAL = regex.compile(
    r"第?([一二两兩三四五六七八九十百千万萬亿億〇零]{1,16}+)(?:多|余|余り)?+"
    r"([个個名人位件只台辆輛次回本枚階层座条項项社店校戸户棟所处節节组組套份封张張歳岁倍割分秒章页頁周週年月日天元円吨克米]|小时|時間|公里|分钟)"
)

_FAMILY = frozenset(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石"
    "廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤康易乔施洪柳殷俞温庄章岳季齐倪苗甄祝梅盛童"
)
_BEFORE_PERSON = "者长理任授师员家记席官人士生裁管总表手夫妻监工医护导编督察律书副的和与、"
_TITLE_ENDS = "理任授师席书长裁监"  # as a title ends, behind which even a verb that is not known follows a name
_PERSON = regex.compile(
    r"(?P<name>\p{Han}{2,3}?)(?=(?:在|对|说|称|表示|告诉|介绍|指出|坦言|认为|强调|透露|宣布|解释|补充|回应|接受|透过|担任|出任|等|和|与|的|也|则|先生|女士|教授|博士|主任|经理|院长|局长|市长|校长|老师|记者|律师|医生|$))"
)
_ZH_BORDER = r"的了在和与及是将由把被对向从于为以但而并或则就也还都又很更最其该此这那每各据称说至到起如若因却让给比按经近距来住往跟同使成无不没会能可要想等之所着过已正曾即"
_ZH_ENDING = regex.compile(
    rf"(?P<name>[\p{{Han}}--[{_ZH_BORDER}]]{{3,12}}?)(?<=公司|集团|大学|学院|医院|银行|研究院|研究所|委员会|协会|院|政府|中学|小学|机场|车站"
    r"|广场|大桥|街道|小区|园区|[^车网本本]站|局|区|县|市|省|镇|村|路|街|湾|苑|城|庄|岛|山|河|湖|号线)(?![长民])",
    regex.VERSION1,
)
_JA_ENDING = regex.compile(
    r"(?P<name>[\p{Han}\p{Katakana}ー々]{1,12}+)(?=さん|さま|くん|ちゃん)"
    r"|(?P<name>[\p{Han}々]{2,5}+)(?<=氏|様)(?<!皆様|客様|奥様|神様|各位)"
    r"|(?P<name>[\p{Han}\p{Katakana}ー々]{2,14}+)(?<=株式会社|有限会社|商店街|大学|高校|病院|銀行|協会|委員会|[^役]所|[^会]社|市|県|区|町|村|駅|[^反帰]省|庁|局|島|川|山|商店|社長|部長|課長|市長|知事|教授|会長)"
    r"|株式会社(?P<name>[\p{Han}\p{Katakana}ー々]{2,14}+)"
    r"|担当の(?P<name>\p{Han}{2,4})(?=より|が|は|まで|に|へ)"
)
_KATAKANA = regex.compile(r"[\p{Katakana}ー・]{3,40}+")
_FULL_NAME = regex.compile(
    r"(?<=\p{Han}[ \u3000])\p{Han}{2,4}[ \u3000]\p{Han}{1,3}(?![\p{Han}\p{Hiragana}\p{Katakana}])"
)
_LOANWORDS = frozenset(
    """
    サービス システム データ データベース ユーザー ユーザ インターネット メール メールアドレス アドレス ホームページ ページ サイト ウェブ ソフト ソフトウェア ハードウェア アプリ アプリケーション
    バージョン プログラム プロジェクト チーム メンバー リーダー スタッフ イベント セミナー ビジネス マーケット コスト リスク トラブル エラー アクセス ログ ログイン ファイル フォルダ サーバー サーバ
    ネットワーク クラウド テスト レベル グループ センター ホテル レストラン バス タクシー ビル マンション スーパー コンビニ テレビ ラジオ ニュース スポーツ サッカー ゲーム カメラ パソコン
    スマートフォン スマホ エネルギー ガス ガソリン エンジン バッテリー ロボット プラン スケジュール ミーティング アンケート キャンペーン ポイント カード クレジットカード パスワード セキュリティ
    オンライン リモート オフィス ドア テーブル シャッター アイデア イメージ メッセージ コミュニケーション サポート マニュアル ルール モデル タイプ ケース グラフ パーセント メートル キロ グラム トン
    リットル ドル ユーロ コーヒー パン ケーキ ワイン ビール スペース エリア ルート コース シリーズ シーズン スタート オープン リニューアル アルバイト パート ボランティア コロナ ウイルス ワクチン
    """.split()
)


def cjk_facts(text: str, start: int, end: int, language: str) -> Iterator[Found]:
    """The facts in the run of Han and kana from `start` to `end`, in order and without overlaps."""
    run = text[start:end]
    found = [*_numerals(run), *_places(run, language)]
    if language == "ja":
        found += [*_endings(run, _JA_ENDING), *_katakana(run), *_full_names(text, start, end)]
    else:
        found += [*_endings(run, _ZH_ENDING), *_persons(run)]
    reach = 0
    for kind, first, last, key in sorted(found, key=lambda one: (one[1], -one[2])):
        if first >= reach:
            yield kind, start + first, start + last, key
            reach = last


def _numerals(run: str) -> Iterator[Found]:
    for match in _NUMERAL.finditer(run):
        value = _value(match.group(1))
        if value > 1:
            yield "number", match.start(), match.end(), number_key(str(value), decimal_comma=False)


def _value(numeral: str) -> int:
    total = section = digit = 0
    for c in numeral:
        if c in _DIGITS:
            digit = _DIGITS[c]
        elif c in _POWERS:
            section += (digit or 1) * _POWERS[c]
            digit = 0
        else:
            total = (total + section + digit or 1) * _LARGE[c]
            section = digit = 0
    return total + section + digit


@cache
def _places_by_head(language: str) -> dict[str, list[str]]:
    by_head: dict[str, list[str]] = {}
    for name in lexicon.place_languages("ja" if language == "ja" else "zh"):
        by_head.setdefault(name[0], []).append(name)
    return by_head


def _places(run: str, language: str) -> Iterator[Found]:
    by_head = _places_by_head(language)
    for at, c in enumerate(run):
        for name in by_head.get(c, ()):
            if run.startswith(name, at):
                yield "name", at, at + len(name), name
                break


def _endings(run: str, pattern: regex.Pattern[str]) -> Iterator[Found]:
    for match in pattern.finditer(run):
        yield "name", *match.span("name"), match["name"]


def _persons(run: str) -> Iterator[Found]:
    for at, c in enumerate(run):
        if c in _FAMILY and (at == 0 or run[at - 1] in _BEFORE_PERSON):
            match = _PERSON.match(run, at)
            if match is not None:
                yield "name", at, match.end("name"), match["name"]
            elif at and run[at - 1] in _TITLE_ENDS and len(run) >= at + 3:
                yield "name", at, at + 3, run[at : at + 3]


def _katakana(run: str) -> Iterator[Found]:
    for match in _KATAKANA.finditer(run):
        word = match.group().strip("・ー") if match.group().startswith("ー") else match.group().strip("・")
        if len(word) > 2 and word not in _LOANWORDS:
            yield "name", match.start(), match.start() + len(word), word


def _full_names(text: str, start: int, end: int) -> Iterator[Found]:
    match = _FULL_NAME.match(text, start)
    if match is not None:
        yield "name", 0, match.end() - start, match.group().replace("\u3000", " ")
