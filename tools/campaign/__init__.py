# SPDX-License-Identifier: GPL-3.0-or-later
"""Measurement campaigns: a plan in TOML becomes rows in one SQLite file.

- `sections`, `plan`: what a plan may say; `checking`: whether it can be done here
- `layout`, `pictures`: what it comes to: conditions, shots and cells in their order
- `frozen`: what is written down with the results
- `store`, `tables/`, `schema.sql`: the file; `exporting`: its rows for other programs
- `jobs`: a shot as a worker does it; `crews`: who the workers are; `running`: until all is done
- `arrived`: what came of a shot, on wires and in the store
- `recorded`, `air`: in place of a simulated channel
- `remetric`: decodes again what was received
- `places`, `plans/`: where plans and stores lie
"""
