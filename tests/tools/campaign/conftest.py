# SPDX-License-Identifier: GPL-3.0-or-later
from tests.standins.boards import air, launch, library  # noqa: F401
