# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a campaign: numbers first, then the page that shows the very same ones.

- `analysis/`: the numbers, which `--json` prints
- `page`: the page, from its `sections/`; `terminal`: the main numbers for a terminal
- `config`: the settings
"""
