# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast engine`."""

from percast.tools.verbs.engine.command import add_options

__all__ = ["add_options"]
