# SPDX-License-Identifier: GPL-3.0-or-later
"""Training pictures: a folder as one file, random crops of it, and the seeds of every draw."""
