# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures of a link while it runs. Plain Python."""
