# SPDX-License-Identifier: GPL-3.0-or-later
"""What observers do in a browser."""

import contextlib
from collections.abc import Iterator

from percast.tools.study.answers import Answers
from percast.tools.study.plan import Folder
from tests.tools.study.studies import Served

DESKTOP = {"viewport": {"width": 1280, "height": 800}}
PHONE = {
    "viewport": {"width": 360, "height": 740},
    "device_scale_factor": 3,
    "has_touch": True,
    "is_mobile": True,
}
LAPTOP = {"viewport": {"width": 1366, "height": 650}}
SMALL_PHONE = PHONE | {"viewport": {"width": 375, "height": 667}, "device_scale_factor": 2}
READY = "#stage:not(.blank)"
NO_SOONER = 320  # ms after the pictures have come: what is pressed before is no answer


@contextlib.contextmanager
def visiting(browser, **context) -> Iterator:
    """A context whose pages note what goes wrong in them."""
    opened = browser.new_context(**context)
    opened.complaints = []

    def watch(page) -> None:
        page.set_default_timeout(60000)
        page.on("pageerror", lambda error: opened.complaints.append(str(error)))
        page.on("console", lambda line: opened.complaints.append(line.text))

    opened.on("page", watch)
    try:
        yield opened
    finally:
        opened.close()


def begin(page, link: str) -> str:
    """Agrees; gives the observer's own link."""
    page.goto(link)
    page.wait_for_selector("#welcome:not([hidden])")
    page.check("#nocard")
    page.check("#agree")
    own = page.input_value("#link")
    page.click("#begin")
    page.wait_for_selector(READY)
    return own


def number(page) -> int:
    """Of the trial on show, from 1."""
    return int(page.inner_text("#progress").split()[0])


def look(page) -> None:
    """At the pictures, for as long as an answer takes at least."""
    page.wait_for_selector(READY)
    page.wait_for_timeout(NO_SOONER)


def press(page, key: str) -> None:
    """Answers, and waits for the next trial or the end."""
    look(page)
    now = number(page)
    page.keyboard.press(key)
    page.wait_for_function(
        """now => !document.getElementById("end").hidden
            || parseInt(document.getElementById("progress").textContent) > now""",
        arg=now,
    )


def answers(folder: Folder) -> dict[int, list]:
    """Choices of each observer, by trial."""
    with Answers.open(folder) as store:
        found: dict[int, list] = {}
        for row in store.rows():
            assert row.trial.number == len(found.setdefault(row.slot, []))
            found[row.slot].append(row.given)
    return found


def newest(site: Served) -> list:
    """What the observer who came last has answered."""
    found = answers(site.folder)
    return found[max(found)]
