"""The invented ward: its schools, their classes, the people who work there.

Owns the names, and putting them into an empty database through the domain's own functions. Refuses real
places. Fails as the domain does.
"""

from dataclasses import dataclass

from appliance import db
from appliance.directory import schools
from appliance.models import School

WARD_NAME = "みなも区"
WARD_NAME_EN = "Minamo Ward"
INQUIRY = "みなも区教育委員会 教育調整課 03-0000-0000(平日9時〜17時)"


@dataclass(frozen=True, slots=True)
class Founding:
    """One school as it is founded. `weight` is its share of the ward's guardians, in percent."""

    key: str
    kind: str
    name: str
    name_en: str
    weight: int
    head: str
    principal: str
    staff: str
    classes: tuple[tuple[str, str], ...]


SCHOOLS = (
    Founding(
        "youchien", "kindergarten", "みなも幼稚園", "Minamo Kindergarten", 5, "園長", "水野 和子", "森田 彩",
        (
            ("年少", "ひよこ組"), ("年少", "りす組"),
            ("年中", "うさぎ組"), ("年中", "こあら組"),
            ("年長", "きりん組"), ("年長", "ぞう組"),
        ),
    ),
    Founding(
        "shougakkou", "elementary", "みなも小学校", "Minamo Elementary School", 60, "校長", "大沢 正樹",
        "小川 美穂", tuple((f"{grade}年", f"{group}組") for grade in range(1, 7) for group in range(1, 4)),
    ),
    Founding(
        "chuugakkou", "junior_high", "川辺中学校", "Kawabe Junior High School", 31, "校長", "北村 誠",
        "西田 健", tuple((f"{grade}年", f"{group}組") for grade in range(1, 4) for group in range(1, 5)),
    ),
    Founding(
        "shien", "special_needs", "わかあゆ特別支援学校", "Wakaayu School for Special Needs", 4, "校長",
        "南 由紀", "東 直人",
        (("小学部", "つばめ"), ("小学部", "かもめ"), ("中学部", "1組"), ("中学部", "2組"), ("高等部", "1組")),
    ),
)  # fmt: skip


def found() -> list[School]:
    """The schools, in the order of `SCHOOLS`; founds those that are not there yet."""
    known = {school.name: school for school in School.select()}
    with db.transaction():
        for founding in SCHOOLS:
            if founding.name not in known:
                school = schools.add_school(founding.kind, founding.name, founding.name_en)
                schools.add_classes(school, founding.classes)
                known[founding.name] = school
    return [known[founding.name] for founding in SCHOOLS]
