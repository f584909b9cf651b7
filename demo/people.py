"""The crowd: guardian number 1, 2, 3… of the town, always the same person for the same number.

Owns the invented names, their mailboxes, and what is wrong with a few of these (gone, filtered, full).
Because a number says it all, carriers and seeding agree without exchanging a list. Refuses real people:
any likeness is chance. Cannot fail.
"""

from dataclasses import dataclass
from enum import StrEnum

from appliance.address import Address

_FAMILIES = (
    "佐々木 sasaki|山口 yamaguchi|松本 matsumoto|井上 inoue|木村 kimura|林 hayashi|斎藤 saito|清水 shimizu|"
    "山崎 yamazaki|阿部 abe|池田 ikeda|橋本 hashimoto|山下 yamashita|石川 ishikawa|中島 nakajima|前田 maeda|"
    "藤田 fujita|後藤 goto|岡田 okada|長谷川 hasegawa|村上 murakami|近藤 kondo|石井 ishii|坂本 sakamoto|"
    "遠藤 endo|青木 aoki|藤井 fujii|西村 nishimura|福田 fukuda|太田 ota|三浦 miura|岡本 okamoto|松田 matsuda|"
    "中川 nakagawa|中野 nakano|原田 harada|小野 ono|田村 tamura|竹内 takeuchi|金子 kaneko|和田 wada|"
    "髙橋 takahashi|﨑山 sakiyama|渡邉 watanabe|グルン gurung|タマン tamang|シュレスタ shrestha|スミス smith"
)
_ADULTS = (
    "翔太 shota|恵 megumi|健一 kenichi|真由美 mayumi|大輔 daisuke|裕子 yuko|拓也 takuya|陽子 yoko|亮 ryo|"
    "智子 tomoko|隆 takashi|久美子 kumiko|剛 tsuyoshi|由美 yumi|直樹 naoki|愛 ai|浩二 koji|香織 kaori|"
    "修 osamu|麻衣 mai|誠 makoto|さくら sakura|徹 toru|千尋 chihiro|学 manabu|瞳 hitomi|純 jun"
)
_CHILDREN = (
    "蓮|陽葵|湊|凛|葵|紬|樹|結菜|悠真|芽依|律|咲良|陽翔|杏|蒼|莉子|朝陽|美月|新|一花|大和|心春|暖|琴音|"
    "碧|ひなた|そら|ゆい|はると|めい|りお"
)
FAMILIES = tuple(tuple(entry.split(" ")) for entry in _FAMILIES.split("|"))
ADULTS = tuple(tuple(entry.split(" ")) for entry in _ADULTS.split("|"))
CHILDREN = tuple(_CHILDREN.split("|"))

# One hundred places, interleaved, so that any stretch of numbers has about the town's mix.
_SHARES = (
    ("docomo.ne.jp", 30), ("ezweb.ne.jp", 13), ("au.com", 7), ("softbank.ne.jp", 9), ("i.softbank.jp", 6),
    ("gmail.com", 20), ("yahoo.co.jp", 8), ("icloud.com", 7),
)  # fmt: skip
_MIX = tuple(
    domain
    for _, domain in sorted(
        ((place + 0.5) / share, domain) for domain, share in _SHARES for place in range(share)
    )
)
_MAY_BE_ODD = frozenset({"docomo.ne.jp", "ezweb.ne.jp", "au.com"})


class Condition(StrEnum):
    """What the owner of a mailbox, or time, has done to it."""

    FINE = ""
    GONE = "gone"  # contract ended
    FILTERED = "filtered"  # 受信拒否設定 refuses us
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Guardian:
    """`child` is the number of the child; every fifth guardian is the second one of the child before."""

    number: int
    name: str
    address: Address
    condition: Condition
    child: int
    child_name: str


def guardian(number: int) -> Guardian:
    """The guardian of that number, from 1."""
    spread = number * 2_654_435_761 % 2**32  # Knuth's multiplier: neighbours look unrelated
    child = number - number // 5
    family_of_child = child * 2_246_822_519 % 2**32
    family, romaji = FAMILIES[family_of_child % len(FAMILIES)]
    given, given_romaji = ADULTS[(spread >> 8) % len(ADULTS)]
    child_name = CHILDREN[(family_of_child >> 9) % len(CHILDREN)]
    domain = _MIX[number % len(_MIX)]
    dot = ".." if domain in _MAY_BE_ODD and spread % 23 == 0 else "."
    return Guardian(
        number=number,
        name=f"{family} {given}",
        address=Address(f"{given_romaji}{dot}{romaji}{number}", domain),
        condition=_condition((spread >> 12) % 1000),
        child=child,
        child_name=f"{family} {child_name}",
    )


def _condition(draw: int) -> Condition:
    """Of a thousand mailboxes eight are gone, four filtered, three full."""
    if draw < 8:
        return Condition.GONE
    if draw < 12:
        return Condition.FILTERED
    return Condition.FULL if draw < 15 else Condition.FINE
