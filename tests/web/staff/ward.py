"""Two schools of a ward, their people with accounts, guardians registered by mail; and a clerk's browser.

`furnish(config)` writes it into the connected database through the domain's own functions, `standing(config)`
finds it there. `Clerk` is a browser that reads the page, fills its form and sends it back with what the page
had hidden in it.
"""

import os
import re
from dataclasses import dataclass

from flask import Flask
from werkzeug.test import TestResponse

from appliance import account, address, clock, keystore, registration, security_code, token
from appliance.actor import Actor, Duty, Role
from appliance.config import Config, Zone
from appliance.directory import schools
from appliance.keys import Keyring
from appliance.models import Registration, School, SchoolClass
from appliance.registration.request import link_token
from tests.web.common.visitor import visit

TEXT = "本日は、短縮授業です。"
PASSWORD = "ajisai-no-saku-michi-7"
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


@dataclass(frozen=True)
class Ward:
    """`school` needs the principal's approval for mail written by staff; `other` is somebody else's."""

    config: Config
    school: School
    classes: list[SchoolClass]
    other: School
    other_classes: list[SchoolClass]

    def keyring(self, zone: Zone) -> Keyring:
        return keystore.open_keyring(self.config, zone)

    def ask(self, sender: str, school: School | None = None) -> int:
        """An empty mail has arrived; the id of the pending registration."""
        made = registration.request(
            self.keyring(Zone.MAIL),
            local_part=security_code.current((school or self.school).id).code,
            sender=address.parse(sender),
            digest=os.urandom(32),
            now=clock.now(),
        )
        return made.registration_id

    def register(self, sender: str, child: str, guardian: str, school_class: SchoolClass) -> Registration:
        """A guardian has gone all the way."""
        school = School.get_by_id(school_class.school_id)
        registration_id = self.ask(sender, school)
        registration.confirm(
            self.keyring(Zone.GUARDIAN),
            token.write(link_token(self.keyring(Zone.MAIL), registration_id)),
            school_class_id=school_class.id,
            child_name=child,
            guardian_name=guardian,
            now=clock.now(),
        )
        return Registration.get_by_id(registration_id)

    def actor(self, role: Role, *schools_of: School, zone: Zone = Zone.ADMIN, account_id: int = 1) -> Actor:
        """Somebody of these schools, without the way through a login."""
        return Actor(account_id, role, frozenset(row.id for row in schools_of), zone)


def furnish(config: Config) -> Ward:
    """Four guardians at みどり第一小学校, one at わかば幼稚園; seven people with accounts."""
    keystore.publish_zone_keys(config.secrets_dir)
    school = schools.add_school(
        "elementary", "みどり第一小学校", "Midori Daiichi Elementary School", approval_required=True
    )
    classes = schools.add_classes(school, [("1年", "1組"), ("1年", "2組"), ("2年", "1組"), ("3年", "1組")])
    other = schools.add_school("kindergarten", "わかば幼稚園", "Wakaba Kindergarten")
    other_classes = schools.add_classes(other, [("年長", "ゆり組")])
    ward = Ward(config, school, classes, other, other_classes)
    people = (
        ("kocho", Role.PRINCIPAL, "校長 森 一郎", [school]),
        ("sensei", Role.STAFF, "教諭 林 二葉", [school]),
        ("encho", Role.PRINCIPAL, "園長 谷 三和", [other]),
        ("kutan", Role.WARD_OFFICER, "区担当 岡 四郎", []),
        ("itaku", Role.OPERATOR, "受託 青木 渉", []),
        ("kansa", Role.AUDITOR, "監査 白石 薫", []),
        ("two", Role.PRINCIPAL, "兼務 原 五月", [school, other]),
    )
    for login_id, role, name, places in people:
        account.add(
            config,
            login_id=login_id,
            role=role,
            display_name=name,
            school_ids=[place.id for place in places],
            password=PASSWORD,
            now=clock.now(),
            duty=Duty.MANAGER if role is Role.OPERATOR else None,
        )
    ward.register("taro..y@docomo.ne.jp", "山田 花子", "山田 太郎", classes[0])
    ward.register("yuki.yamada@gmail.com", "山田 花子", "山田 雪", classes[0])
    ward.register("sato@ezweb.ne.jp", "佐藤 健", "佐藤 恵", classes[1])
    ward.register("suzuki@softbank.ne.jp", "鈴木 翼", "鈴木 勇", classes[2])
    ward.register("kato@icloud.com", "加藤 結", "加藤 修", other_classes[0])
    return ward


def standing(config: Config) -> Ward:
    """The ward as it stands in the connected database (fixture `furnished_url`)."""
    school, other = School.select().order_by(School.id)
    return Ward(config, school, schools.classes(school.id), other, schools.classes(other.id))


class Clerk:
    """Somebody at a browser. `page` is what is on the screen."""

    def __init__(self, app: Flask) -> None:
        self.client = visit(app)
        self.page = ""
        self.status = 0
        self.path = ""

    def open(self, path: str) -> TestResponse:
        return self._show(self.client.get(path, follow_redirects=True))

    def send(self, path: str | None = None, **fields: object) -> TestResponse:
        """Fills the form on the screen and sends it, by default to where the screen is."""
        hidden = dict(_HIDDEN.findall(self.page))
        # Fields whose names are not names in Python are given as `held__subject` and the like.
        given = {key.replace("__", "."): value for key, value in fields.items()}
        return self._show(
            self.client.post(path or self.path, data={**hidden, **given}, follow_redirects=True)
        )

    def login(self, login_id: str, password: str = PASSWORD) -> TestResponse:
        self.open("/login")
        return self.send("/login", login_id=login_id, password=password)

    def _show(self, response: TestResponse) -> TestResponse:
        self.page, self.status = response.text.replace("<wbr>", ""), response.status_code
        self.path = response.request.path
        return response


def write_for_ward(clerk: Clerk, *, urgent: bool = False, **audience: object) -> int:
    """A ward officer's way from 「メールを書く」 to the check page; the broadcast's id."""
    clerk.open("/broadcasts/new")
    clerk.send(urgent="yes" if urgent else "no", category="disaster")
    broadcast_id = int(clerk.path.split("/")[2])
    clerk.send(**(audience or {"scope": "all"}))
    clerk.send(subject="台風による休校", body="本日は、すべての学校を休校とします。")
    assert clerk.path == f"/broadcasts/{broadcast_id}/check", clerk.page
    return broadcast_id


def write(
    clerk: Clerk, *, urgent: bool = False, text: str = "本日は、短縮授業です。", **audience: object
) -> int:
    """From 「メールを書く」 to the check page; the broadcast's id."""
    clerk.open("/broadcasts/new")
    clerk.send(urgent="yes" if urgent else "no", category="event")
    broadcast_id = int(clerk.path.split("/")[2])
    clerk.send(**(audience or {"scope": "whole"}))
    clerk.send(subject="短縮授業について", body=text)
    assert clerk.path == f"/broadcasts/{broadcast_id}/check", clerk.page
    return broadcast_id
