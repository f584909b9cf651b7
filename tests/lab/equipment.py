"""The school's PC, enrolled as an installer and a principal do it: by a code from the console.

Owns its browser's cookie, kept in a file so that every test finds it. Refuses to approve anything by the
domain's code. Fails with `LabRefused`.
"""

import json
import re

from tests.lab import host, places
from tests.lab.host import LabRefused
from tests.lab.people import Browser
from tests.lab.ward import PASSWORD, Founded

_COOKIE = "__Host-karamail_admin_device"


def enrol(school: Founded) -> None:
    """From now on `Browser("admin")` is this PC; the second call does nothing."""
    if places.SCHOOL_PC.exists():
        return
    told = host.on("n1", f"karamail device first --name shokuinshitsu --school {school.id}")
    code = re.search(r"code (\S+)", told)
    if code is None:
        raise LabRefused(f"no code for a device:\n{told}")
    with Browser("admin") as browser:
        page = browser.open("/enrol")
        page = browser.submit("/enrol", page, code=code[1], login_id="kouchou", password=PASSWORD)
        page = browser.submit("/enrol/key", page)
        if _COOKIE not in browser.cookies:
            raise LabRefused(f"the PC was not enrolled: {page.status_code}\n{page.text[-2000:]}")
        places.SCHOOL_PC.write_text(json.dumps({_COOKIE: browser.cookies[_COOKIE]}))
