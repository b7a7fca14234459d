# SPDX-License-Identifier: GPL-3.0-or-later
import os

# Before numpy is loaded anywhere: see the command line's own setting.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
