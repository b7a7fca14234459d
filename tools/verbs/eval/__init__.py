# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast eval`."""

from percast.tools.verbs.eval.command import add_options

__all__ = ["add_options"]
