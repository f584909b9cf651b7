"""The mail of a broadcast as the guardian sees it: one subject line, one text.

Owns what is added to the writer's words: the sender in the subject, the mark of urgency or of a test, and a
footer. Pages show exactly this before anything is sent. Refuses to know a recipient: all read the same text,
which is also what makes it quick to sign; a test has `LINK` where each reader's own will stand. Cannot fail.
"""

from appliance.config.schema import Ward
from appliance.models import Broadcast, School

TEST = "test"  # the category
LINK = "（ここに、一人ひとりの確認のリンクが入ります / each reader's own link）"
"""What stands on pages where a test broadcast has the reader's own link."""
_RULE = "―" * 12  # one line on the narrowest phone


def subject_line(sender: School | Ward, broadcast: Broadcast) -> str:
    """`【緊急】【青葉小学校】休校のお知らせ`; `sender` is the school, or the ward."""
    mark = "【緊急】" if broadcast.urgent else "【配信テスト】" if broadcast.category == TEST else ""
    return f"{mark}【{sender.name}】{broadcast.subject}"


def text(ward: Ward, school: School | None, broadcast: Broadcast) -> str:
    """The writer's words and the footer; lines end with LF. No `school`: the ward's own mail."""
    reader, reader_en = ("学校", "the school") if school else ("区と学校", "us")
    footer = [
        _RULE,
        f"{school.name}({ward.name})" if school else ward.name,
        f"「はい」と返信すると、確認したことが{reader}に伝わります。",
        f"Reply “yes” to tell {reader_en} that you have seen this.",
    ]
    if ward.inquiry:
        footer.append(f"お問い合わせ: {ward.inquiry}")
    body: str = broadcast.body
    if broadcast.category == TEST:
        body = body.strip("\n") + "\n\n" + LINK
    return body.strip("\n") + "\n\n" + "\n".join(footer) + "\n"
