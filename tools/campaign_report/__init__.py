# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a campaign: numbers first (`analysis/`), then the page that shows them (`sections/`).

`report.analyse` makes the numbers, which `--json` prints; `report.page_of` the page from the very
same ones.
"""
