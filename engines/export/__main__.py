# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m percast.engines.export`."""

import sys

from percast.engines.export.export import main

sys.exit(main())
