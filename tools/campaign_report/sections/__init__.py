# SPDX-License-Identifier: GPL-3.0-or-later
"""Sections of the page, each made from the numbers of `analysis`."""
