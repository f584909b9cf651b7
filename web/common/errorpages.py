"""What a page says when there is no page to show.

Owns the words for each refusal, in both languages whichever was chosen, the reader's first: who is lost
needs both. Says what happened and what to do next, blames nobody, quotes nothing that was sent. Translates
the domain's exceptions: `NotYours` 404 (never said which), `NotAllowed` 403, `WrongState` 409,
`DatabaseUnavailable` 503. Fails, if the template itself breaks, into a line of plain text.
"""

from dataclasses import dataclass

from flask import Flask, Response, make_response, render_template
from flask_wtf.csrf import CSRFError
from jinja2 import TemplateError
from peewee import DataError, InterfaceError, OperationalError
from werkzeug.exceptions import HTTPException

from appliance import log
from appliance.errors import DatabaseUnavailable, NotAllowed, NotYours, WrongState


@dataclass(frozen=True, slots=True)
class Words:
    """One refusal: what happened and what to do, in both languages."""

    title: str
    next: str
    title_en: str
    next_en: str


WORDS = {
    400: Words(
        "送られた内容を読み取れませんでした",
        "前のページに戻って、もう一度送ってください。続くときは、このページを閉じて、最初からやり直してください。",
        "We could not read what was sent",
        "Go back and send it again. If this keeps happening, close this page and start again.",
    ),
    403: Words(
        "この操作はできません",
        "このサイトのページから、もう一度操作してください。必要な操作ができないときは、管理者に問い合わせてください。",
        "This is not possible here",
        "Please start again from a page of this site. If you need to do this, ask your administrator.",
    ),
    404: Words(
        "ページが見つかりません",
        "アドレスが途中で切れていないか確かめてください。メールのリンクは、最後まで続けて開いてください。",
        "Page not found",
        "Please check that the address is complete. Open the whole link from the mail.",
    ),
    405: Words(
        "このページは、そのままでは開けません",
        "メールのリンク、またはサイトの最初のページから、もう一度進んでください。",
        "This page cannot be opened directly",
        "Start again from the link in the mail or from the first page of the site.",
    ),
    409: Words(
        "ほかの操作が先に行われました",
        "画面を開き直して、いまの状態を確かめてください。",
        "Something else happened first",
        "Open the page again and check its present state.",
    ),
    413: Words(
        "送られた内容が大きすぎます",
        "前のページに戻り、文字を減らして、もう一度送ってください。",
        "What was sent is too large",
        "Go back, shorten the text and send it again.",
    ),
    429: Words(
        "回数が多すぎるため、少しお待ちください",
        "数分たってから、もう一度試してください。",
        "Too many attempts for the moment",
        "Please wait a few minutes and try again.",
    ),
    500: Words(
        "こちらの不具合で、ページを表示できません",
        "しばらくしてから、もう一度試してください。続くときは、学校または区に知らせてください。",
        "Something went wrong on our side",
        "Please try again later. If this keeps happening, tell your school or the ward.",
    ),
    503: Words(
        "ただいま混み合っているか、点検中です",
        "送った内容は、まだ受け付けていません。数分たってから、もう一度試してください。",
        "The service is busy or under maintenance",
        "What you sent has not been accepted yet. Please try again in a few minutes.",
    ),
}
STALE_FORM = Words(
    "ページを開いてから時間がたちました",
    "安全のため、この内容は受け付けませんでした。ページを開き直して、もう一度送ってください。",
    "This page was open for too long",
    "For safety it was not accepted. Open the page again and send it once more.",
)
NOT_THERE = Words(  # 404 on a site with a first page to go back to
    "ページが見つかりません",
    "なくなったか、ここでは見られないページです。最初のページから、もう一度進んでください。",
    "Page not found",
    "It is gone, or it cannot be seen from here. Start again from the first page.",
)
_RETRY_AFTER_S = "60"


def answer(status: int, words: Words | None = None) -> Response:
    """The page for a status."""
    words = words or WORDS.get(status) or WORDS[500 if status >= 500 else 400]
    try:
        body = render_template("error.html", words=words, errors={}, status=status)
    except (TemplateError, LookupError, RuntimeError):
        body = f"{words.title}\n{words.next}\n\n{words.title_en}\n{words.next_en}\n"
        return Response(body, status, content_type="text/plain; charset=utf-8")
    response = make_response(body, status)
    if status in (429, 503):
        response.headers["Retry-After"] = _RETRY_AFTER_S
    return response


def _http(error: HTTPException) -> Response:
    given = error.get_response()
    status = error.code or 500
    if status < 400:
        return Response.force_type(given)  # a redirect is no error
    response = answer(status)
    for header in ("Allow", "Retry-After"):
        if header in given.headers:
            response.headers[header] = given.headers[header]
    return response


def _database_away(error: Exception) -> Response:
    log.database_unavailable(error)
    return answer(503)


def install(app: Flask) -> None:
    """Registers the translations of exceptions into pages."""
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(CSRFError, lambda _: answer(400, STALE_FORM))
    app.register_error_handler(NotYours, lambda _: answer(404))
    app.register_error_handler(NotAllowed, lambda _: answer(403))
    app.register_error_handler(WrongState, lambda _: answer(409))
    # U+0000, or a number that no column holds: nobody's page sends that, and the login is open to everyone.
    app.register_error_handler(DataError, lambda _: answer(400))
    for away in (DatabaseUnavailable, OperationalError, InterfaceError):  # the last two from a bare query
        app.register_error_handler(away, _database_away)
