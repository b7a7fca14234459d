# SPDX-License-Identifier: GPL-3.0-or-later
"""One endpoint a file; see `percast.tools.controls.table`."""
