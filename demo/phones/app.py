"""The pages of the town: choose a phone, send, read, reply; and where to go from here.

Owns the routes under town.localhost. Refuses other host names, scripts, and to write anywhere but the phones'
mailboxes. A phone or mail that does not exist is a plain 404.
"""

import os
from datetime import datetime
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from flask import Flask, Response, abort, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFProtect
from werkzeug.wrappers import Response as BaseResponse

from appliance import config, db, security_code
from appliance.models import School
from demo import places as town
from demo import ward
from demo.carriers.brands import BRANDS
from demo.carriers.mailboxes import Mail, Mailboxes
from demo.people import Condition
from demo.phones import reading, writing
from demo.phones.owners import ADDRESSES, BY_SLUG, PHONES, Phone
from demo.phones.posting import post
from demo.places import Places

_TOKYO = ZoneInfo("Asia/Tokyo")
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)
_HELD = {
    "": "普通",
    Condition.FILTERED: "迷惑メール設定で拒否",
    Condition.FULL: "受信箱が満杯",
    Condition.GONE: "解約済み",
}


def create_app(places: Places | None = None) -> Flask:
    """The application of one town."""
    places = places or Places.from_environment()
    db.connect(config.load(places.config_file))
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=os.urandom(32), MAX_CONTENT_LENGTH=200_000, SESSION_COOKIE_NAME="town",
        SESSION_COOKIE_SAMESITE="Strict", WTF_CSRF_TIME_LIMIT=None,
    )  # fmt: skip
    CSRFProtect(app)
    boxes = Mailboxes(places.mailboxes, ADDRESSES)
    hosts = {f"{name}:{places.base}" for name in ("town.localhost", "localhost", town.LOOPBACK)}

    @app.before_request
    def only_here() -> None:
        if request.host not in hosts:
            abort(421)

    @app.after_request
    def careful(response: Response) -> Response:
        db.close()
        response.headers.update(
            {
                "Content-Security-Policy": _POLICY,
                "X-Content-Type-Options": "nosniff",
                "Referrer-Policy": "no-referrer" if request.method == "GET" else "same-origin",
                "Cache-Control": "no-store",
            }
        )
        return response

    @app.template_filter("clock")
    def clock(moment: float) -> str:
        return datetime.fromtimestamp(moment, _TOKYO).strftime("%m/%d %H:%M:%S")

    _town_pages(app, places, boxes)
    _reading_pages(app, places, boxes)
    _writing_pages(app, places, boxes)
    return app


def _phone(slug: str) -> Phone:
    phone = BY_SLUG.get(slug)
    if phone is None:
        abort(404)
    return phone


def _codes() -> list[tuple[str, str]]:
    """School and registration address, as the handouts print them."""
    schools = School.select().order_by(School.id)
    found = [(school.name, security_code.current(school.id)) for school in schools]
    return [(name, f"{code.code}@{town.REGISTRATION_DOMAIN}") for name, code in found if code]


def _own_school(phone: Phone) -> str:
    return next(founding.name for founding in ward.SCHOOLS if founding.key == phone.school)


def _mail(boxes: Mailboxes, phone: Phone, mail_id: int) -> Mail:
    return boxes.mail(phone.box, mail_id) or abort(404)


def _town_pages(app: Flask, places: Places, boxes: Mailboxes) -> None:
    @app.get("/healthz")
    def healthz() -> str:
        return "ok"

    @app.get("/")
    def index() -> str:
        return render_template(
            "index.html",
            brands=[(brand, [phone for phone in PHONES if phone.brand is brand]) for brand in BRANDS],
            unseen=boxes.unseen(), tally=boxes.tally(), codes=_codes(), places=places, ward=ward,
            waits=request.args.get("watch") == "1",
        )  # fmt: skip


def _reading_pages(app: Flask, places: Places, boxes: Mailboxes) -> None:
    @app.get("/phone/<slug>/")
    def inbox(slug: str) -> str:
        phone = _phone(slug)
        mails = [(mail, reading.decode(mail.content)) for mail in boxes.inbox(phone.box)]
        return render_template(
            "inbox.html", phone=phone, mails=mails, condition=boxes.condition(phone.box), held=_HELD,
            said=request.args.get("said", ""), school=_own_school(phone),
        )  # fmt: skip

    @app.get("/phone/<slug>/mail/<int:mail_id>")
    def mail(slug: str, mail_id: int) -> str:
        phone = _phone(slug)
        found = _mail(boxes, phone, mail_id)
        boxes.mark_seen(mail_id)
        letter = reading.decode(found.content)
        pieces = [
            (is_link and urlsplit(piece).scheme in {"http", "https"}, piece)
            for is_link, piece in reading.pieces(letter.text)
        ]
        return render_template("mail.html", phone=phone, mail=found, letter=letter, pieces=pieces)

    @app.get("/phone/<slug>/mail/<int:mail_id>/source")
    def source(slug: str, mail_id: int) -> str:
        phone = _phone(slug)
        found = _mail(boxes, phone, mail_id)
        return render_template(
            "source.html", phone=phone, mail=found, source=found.content.decode("utf-8", "replace"),
            dkim=reading.dkim_verdict(places, found.content),
        )  # fmt: skip


def _writing_pages(app: Flask, places: Places, boxes: Mailboxes) -> None:
    def sent(phone: Phone, to: str, content: bytes) -> BaseResponse:
        posted = post(places, boxes, phone, to, content)
        said = "sent" if posted.is_taken else "refused" if posted.is_refused else "later"
        return redirect(url_for("inbox", slug=phone.slug, said=said), code=303)

    @app.route("/phone/<slug>/empty", methods=["GET", "POST"])
    def empty(slug: str) -> str | BaseResponse:
        phone = _phone(slug)
        if request.method == "GET":
            return render_template("empty.html", phone=phone, codes=_codes(), school=_own_school(phone))
        to = request.form.get("to", "").strip()[:300]
        return sent(phone, to, writing.compose(phone, to, "", "", empty=True))

    @app.route("/phone/<slug>/mail/<int:mail_id>/reply", methods=["GET", "POST"])
    def reply(slug: str, mail_id: int) -> str | BaseResponse:
        phone = _phone(slug)
        letter = reading.decode(_mail(boxes, phone, mail_id).content)
        if request.method == "GET":
            return render_template("reply.html", phone=phone, mail_id=mail_id, letter=letter)
        quoted = "\n".join(f"> {line}" for line in letter.text.splitlines())
        text = request.form.get("text", "").replace("\r\n", "\n") + "\n\n" + quoted
        content = writing.compose(
            phone, letter.answer_to, f"Re: {letter.subject}", text, answers=letter.message_id
        )
        return sent(phone, letter.answer_to, content)

    @app.post("/phone/<slug>/condition")
    def condition(slug: str) -> BaseResponse:
        phone = _phone(slug)
        chosen = request.form.get("condition", "")
        if chosen not in _HELD:
            abort(400)
        boxes.set_condition(phone.box, Condition(chosen))
        return redirect(url_for("inbox", slug=slug), code=303)
