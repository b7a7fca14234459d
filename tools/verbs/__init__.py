# SPDX-License-Identifier: GPL-3.0-or-later
"""One verb of the command line a module, or a package; each has `add_options`."""
