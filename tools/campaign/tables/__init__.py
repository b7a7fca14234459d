# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of a store.

- `file`: made, opened, locked; tables of the first version are shown as those of today
- `rows`: how their rows are read
"""
