# SPDX-License-Identifier: GPL-3.0-or-later
"""Measurement campaigns: a plan in TOML becomes rows in one SQLite file.

- `places`: where plans and stores lie
- `store`, `store_file`, `schema.sql`: the file
"""
