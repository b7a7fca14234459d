# SPDX-License-Identifier: GPL-3.0-or-later
"""Training pictures: a folder as one file, random crops of it, and the seeds of every draw.

- `pictures`: uint8 RGB of any sizes, from a folder or from one file
- `crops`: random place, scale and flip
- `seeds`: one for all that a process draws in a step
"""
