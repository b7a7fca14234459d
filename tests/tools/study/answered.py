# SPDX-License-Identifier: GPL-3.0-or-later
"""A study that observers have answered without looking."""

from percast.tools.pages import render
from percast.tools.study.analysis.report import make_page
from percast.tools.study.analysis.results import compute
from percast.tools.study.analysis.rule import judge
from percast.tools.study.answers import Answer, Given
from percast.tools.study.plan import Folder
from percast.tools.study.schedule import trials_of


def page_of_left_answers(folder: Folder) -> str:
    """The report where three observers have chosen the left picture each time."""
    answers = [
        Answer(slot, trial, Given("left", 900.0))
        for slot in range(3)
        for trial in trials_of(folder.study, slot)
    ]
    found = compute(folder.study, answers, range(3), 100)
    return render(make_page(folder, answers, judge(folder.study, answers), found, found, [], None))
