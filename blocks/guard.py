# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors inside GNU Radio's threads.

An exception that leaves `work()` or a message handler is printed by GNU Radio and then the
flowgraph waits for ever. Blocks catch it here; whoever runs the graph asks for it.
"""

import functools
import logging

log = logging.getLogger(__name__)


class Guarded:
    """Mixin: `error` holds the first exception of this block."""

    error: Exception | None = None

    def fail(self, error: Exception) -> None:
        if self.error is None:
            self.error = error
            log.error("%s: %s", type(self).__name__, error)


def guarded(returns=None):
    """Decorator for `work()` (returns=-1: the stream ends) and for message handlers."""

    def wrap(method):
        @functools.wraps(method)
        def call(self, *args):
            try:
                return method(self, *args)
            except Exception as error:  # noqa: BLE001 - handed to whoever runs the graph
                self.fail(error)
                return returns

        return call

    return wrap
