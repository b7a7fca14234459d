# SPDX-License-Identifier: GPL-3.0-or-later
"""Sections of the page, each made from the numbers of `analysis`.

- `summary`: for those who read nothing else; `saved`: bandwidth at equal quality
- `quality`, `sets`: metrics of pictures, and of sets of them
- `cliff`, `mobility`: as the channel gets worse, or moves; with `quality` they draw `curves`
- `pictures`: side by side; `changes`: since another campaign
- `health`, `record`: of the link, and how it all was made
- `words`: names, units and numbers as the page writes them
"""
