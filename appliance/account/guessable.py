"""Passwords that somebody guesses who knows the school (R16).

Owns the judgement: a password counts only by what is left of it after everything that a stranger could know
or look up is taken away: names of schools and ward, numbers and years, codes on handouts, the person's own id
and name, keyboard rows, and words that people choose. In 2025 passwords of 21 schools were guessed from just
these. It is judged as it is written and as it is read aloud (`spelling`), so that みどりだいいち, ミドリ第一
and midori-daiiti are the same. A name in 漢字 has no reading here but the one that a school's English name
spells: where 東陽小学校 is called "East Sun School", とうよう counts as a word of one's own, and so does
もりいちろう at 森 一郎. What the whole world guesses, from lists of leaked passwords, words and names,
`zxcvbn` knows (ASVS 5.0 6.2.4). Refuses to keep or show a password, and to ask anybody outside. Cannot fail.
"""

import re
from collections.abc import Iterable

from appliance.account.spelling import folded, read_aloud
from appliance.config import Config
from appliance.models import School, SecurityCode

LEAST_LEFT = 6
"""Characters that must be left; 仮名 and 漢字 count twice."""
_LEAST_DISTINCT = 4
_SAFE = 3  # zxcvbn's "safely unguessable": 10^8 guesses
_JUDGED_MAX = 72  # characters that zxcvbn looks at; longer texts take it too long
_DIGITS_COUNTED = 2  # of one run of digits, whatever its length: a birthday is no secret

# Chosen by people all over the world and in Japanese schools, as lists of leaked passwords show them.
_CHOSEN = """
    password passwort passcode passwd pass pasuwado pasuwaado himitsu secret login welcome letmein hello
    admin administrator kanri kanrisha root user test guest master system default change changeme temp initial
    iloveyou aishiteru daisuki love princess sunshine football baseball yakyuu soccer sakkaa dragon monkey
    shadow superman batman pokemon pikachu doraemon totoro kitty hellokitty naruto onepiece gundam mario
    sakura himawari tanpopo hanako tarou taro yamada tanaka suzuki satou sato takahashi
    nihon nippon japan tokyo toukyou fujisan kyoto oosaka osaka
    gakkou gakko school shougakkou shogakko shougaku chuugakkou chugakko chuugaku koukou youchien yochien
    hoikuen gakuen shien kyouiku kyoiku iinkai elementary junior high kindergarten special needs ward
    kuritsu shiritsu kouchou kocho kyoutou encho enchou sensei teacher principal staff gakunen gakkyuu
    shokuinshitsu kyoushitsu kyoshitsu hokenshitsu jimushitsu kouchoushitsu taiikukan koutei undoukai gyouji
    shokuin kyouyou tannin gakki nyuugakushiki sotsugyoushiki
    tokubetsu tokushi hoiku shouchuu kyoutoushitsu hinan kunren bousai shoubou ensoku
    reiwa heisei shouwa taishou nendo gatsu nichi youbi gakkimatsu shingakki shinnendo zenki kouki
    kumi nen mail meeru email karamail ikkatsu renraku kinkyuu touroku haishin
    spring summer autumn winter haru natsu aki fuyu january february march april june july august september
    october november december monday tuesday wednesday thursday friday saturday sunday
    パスワード ひみつ 秘密 管理者 管理 校長 園長 教頭 先生 教職員 学校 小学校 中学校 高校 幼稚園
    支援学校 特別支援学校 学園 区立 市立 教育委員会 一斉メール 一斉配信 メール 配信 緊急
    職員室 教室 保健室 事務室 校長室 体育館 校庭 運動会 行事 職員 担任 学期
    令和 平成 昭和 大正 年度 新年度 新学期 前期 後期 小中 避難 防災 消防 訓練 遠足
    連絡 登録 学年 日本 東京 さくら ひまわり
"""
COMMON = frozenset(folded(word) for word in _CHOSEN.split())
_COMMON_ALOUD = frozenset(map(read_aloud, COMMON))
_ROWS = (
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "abcdefghijklmnopqrstuvwxyz",
    "1234567890",
    "1qaz2wsx3edc4rfv5tgb",
)
_LEET = str.maketrans("013457@$!+", "oieastasit")
_KNOWN_NUMBERS = re.compile(
    r"(?:19|20)\d\d(?:年度?)?"
    r"|(?:令和|平成|昭和|reiwa|heisei|showa|shouwa|(?<![a-z0-9])[rhs](?=\d{1,2}(?![a-z0-9])))(?:元|\d{1,2})年?(?:度)?"
    r"|第[百\d]+"  # the number in a school's name
    r"|(?:元|\d{1,4})(?:年度?|月|日|組|期|号)"  # a day, a class, in 漢数字 too
    r"|dai-?(?:ichi|ni|san|yon|shi|go|roku|nana|shichi|hachi|kyuu|kyu|ku|juu|\d+)"
    r"|(?:no|ps|pta)\.?\d+"
)
_READ = r"(?:iti|ni|san|si|yon?|go|roku|siti|nana|hati|kyu|ku|zyu|hyaku|sen|zero|rei|\d)+"
_NUMBERS_ALOUD = re.compile(rf"(?:dai|\0)[\W_]?{_READ}|{_READ}(?=[\W_]?\0)")
"""だいいち; れいわはち, いちがっき, beside what was taken out already."""
_SCHOOL_ENDINGS = re.compile(r"(?:特別支援学校|小学校|中学校|幼稚園|学園|学校|区|市|町|村)+$")
_TAKEN = "\0"


def words_of_ward(config: Config) -> set[str]:
    """What everybody around here knows: names of ward and schools, and the codes on handouts."""
    words = _name_words(config.ward.name) | _name_words(config.ward.name_en)
    for name, name_en in School.select(School.name, School.name_en).tuples():
        words |= _name_words(name) | _name_words(name_en)
    codes = SecurityCode.select(SecurityCode.code).where(SecurityCode.state == "active").tuples()
    return words | {code for (code,) in codes}


def guessable(password: str, known: Iterable[str]) -> bool:
    """Is too little left of it without the words of `known` and what is common?"""
    text = folded(password)
    words = {folded(word) for word in known}
    words |= {part for word in words for part in re.split(r"[\W_]+", word)}
    written = _left(text, words | COMMON)
    aloud = _left(read_aloud(text), _COMMON_ALOUD.union(map(read_aloud, words)), _NUMBERS_ALOUD)
    return _is_little(written) or _is_little(aloud) or _guessed_anywhere(text, words)


def _left(text: str, words: Iterable[str], *numbers: re.Pattern[str]) -> str:
    """What nobody could look up: without these words, and without numbers as people write them."""
    for word in sorted(words, key=len, reverse=True):
        if len(word) >= _shortest(word):
            text = _without(text, word)
    for pattern in (*numbers, _KNOWN_NUMBERS):
        text = pattern.sub(lambda found: _TAKEN * len(found[0]), text)
    return _unpredictable(text)


def _is_little(left: str) -> bool:
    weight = sum(2 if character >= "\u3040" else 1 for character in left)
    return weight < LEAST_LEFT or len(set(left)) < _LEAST_DISTINCT


def _guessed_anywhere(text: str, words: Iterable[str]) -> bool:
    """In fewer than a hundred million guesses."""
    from zxcvbn import zxcvbn  # half a megabyte of lists: only who sets a password waits for them

    judged = zxcvbn(text[:_JUDGED_MAX], user_inputs=list(words))
    return bool(judged["score"] < _SAFE)


def _name_words(name: str) -> set[str]:
    """みどり第一小学校: itself, みどり第一, みどり; Midori Daiichi …: each word."""
    short = folded(_SCHOOL_ENDINGS.sub("", name))
    return {name, short, _KNOWN_NUMBERS.sub("", short), *name.split()}


def _shortest(word: str) -> int:
    """Shorter words are in everything: two characters of 漢字, three letters."""
    return 2 if max(word, default="") >= "\u3040" else 3


def _without(text: str, word: str) -> str:
    """Takes the word out, also where it is written as p4$$w0rd."""
    for form in (text, text.translate(_LEET)):
        at = form.find(word)
        while at >= 0:
            text = text[:at] + _TAKEN * len(word) + text[at + len(word) :]
            at = form.find(word, at + len(word))
    return text


def _unpredictable(text: str) -> str:
    """Without what follows from the two before, as in aaa, abc and qwerty, and with few digits in a row."""
    left = []
    digits = following = 0
    for before, character in zip(_TAKEN + text, text, strict=False):
        digits = digits + 1 if character.isdigit() else 0
        following = following + 1 if _follows(before, character) else 0
        if character.isalnum() and digits <= _DIGITS_COUNTED and following < 2:
            left.append(character)
    return "".join(left)


def _follows(before: str, character: str) -> bool:
    return before == character or any(before + character in row or character + before in row for row in _ROWS)
