"""Who owns the phones, and what each phone does to a mail that was meant to be empty.

Owns the visitors' fourteen phones. Refuses real people. Cannot fail.
"""

from dataclasses import dataclass
from enum import StrEnum

from appliance.address import Address, parse
from demo.carriers.brands import BY_DOMAIN, Brand


class Flavour(StrEnum):
    """How the device writes an "empty" mail."""

    IPHONE = "iphone"  # signature 「iPhoneから送信」
    ANDROID = "android"  # text and HTML shell
    FEATURE = "feature"  # ISO-2022-JP, one full-width space, since it refuses to send nothing
    WEBMAIL = "webmail"  # an advert below


@dataclass(frozen=True, slots=True)
class Phone:
    """One phone; `child` and `school` are what its owner would write into the form."""

    slug: str
    owner: str
    owner_en: str
    mail_address: str
    flavour: Flavour
    language: str
    child: str
    school: str  # a key of `demo.ward.SCHOOLS`

    @property
    def address(self) -> Address:
        return parse(self.mail_address)

    @property
    def brand(self) -> Brand:
        return BY_DOMAIN[self.address.domain]

    @property
    def box(self) -> str:
        """Its mailbox's name at the carrier."""
        return self.brand.box(self.address)


PHONES = (
    Phone("hanako", "山田 花子", "Hanako Yamada", "hanako.yamada@docomo.ne.jp",
          Flavour.ANDROID, "ja", "山田 ひなた", "youchien"),
    Phone("taro", "山田 太郎", "Taro Yamada", "taro..y@docomo.ne.jp",
          Flavour.FEATURE, "ja", "山田 ひなた", "youchien"),
    Phone("keiko", "髙﨑 恵子", "Keiko Takasaki", "keiko.@docomo.ne.jp",
          Flavour.ANDROID, "ja", "髙﨑 蓮", "shougakkou"),
    Phone("sunita", "スニタ・グルン", "Sunita Gurung", "sunita-gurung@ezweb.ne.jp",
          Flavour.IPHONE, "ne", "सुमन गुरुङ", "shougakkou"),
    Phone("ichiro", "鈴木 一郎", "Ichiro Suzuki", ".ichi--ro@ezweb.ne.jp",
          Flavour.FEATURE, "ja", "鈴木 さくら", "chuugakkou"),
    Phone("mika", "田中 美香", "Mika Tanaka", "mika..t@au.com",
          Flavour.ANDROID, "ja", "田中 湊", "shougakkou"),
    Phone("yoko", "佐藤 洋子", "Yoko Sato", "yoko_sato@softbank.ne.jp",
          Flavour.FEATURE, "ja", "佐藤 葵", "chuugakkou"),
    Phone("daisuke", "伊藤 大輔", "Daisuke Ito", "d.ito@i.softbank.jp",
          Flavour.IPHONE, "ja", "伊藤 律", "youchien"),
    Phone("emma", "エマ・スミス", "Emma Smith", "emma.smith.minamo@gmail.com",
          Flavour.ANDROID, "en", "Oliver Smith", "shougakkou"),
    Phone("ramesh", "ラメシュ・タマン", "Ramesh Tamang", "ramesh.tamang@gmail.com",
          Flavour.ANDROID, "ne", "आशा तामाङ", "shien"),
    Phone("kaori", "中村 香織", "Kaori Nakamura", "kaori_n@yahoo.co.jp",
          Flavour.WEBMAIL, "ja", "中村 凛", "shien"),
    Phone("makoto", "小林 誠", "Makoto Kobayashi", "kobamako@yahoo.co.jp",
          Flavour.WEBMAIL, "ja", "小林 樹", "chuugakkou"),
    Phone("misaki", "加藤 美咲", "Misaki Kato", "misaki.kato@icloud.com",
          Flavour.IPHONE, "ja", "加藤 紬", "youchien"),
    Phone("john", "ジョン・ブラウン", "John Brown", "johnbrown@icloud.com",
          Flavour.IPHONE, "en", "Lily Brown", "chuugakkou"),
)  # fmt: skip

BY_SLUG = {phone.slug: phone for phone in PHONES}
ADDRESSES = tuple(phone.mail_address for phone in PHONES)
