# SPDX-License-Identifier: GPL-3.0-or-later
"""How our blocks behave in GNU Radio's threads: at errors, and while there is nothing to do.

An exception that leaves `work()` or a message handler is printed by GNU Radio and then the
flowgraph waits for ever. Blocks catch it here; whoever runs the graph asks for it.
"""

import functools
import logging
from collections.abc import Callable

log = logging.getLogger(__name__)

IDLE_WAIT = 1e-3
"""Seconds that a `work()` which has nothing to give sleeps: message handlers run between its
calls."""


class Guarded:
    """Mixin for whoever runs the graph to ask what went wrong.

    Attributes:
        error: the first exception of this block; nothing goes on.
        failure: what ended its input too soon; what came before still goes on.
        tell: called with each of them at once, where nobody will ask.
    """

    error: Exception | None = None
    failure: Exception | None = None
    tell: Callable[[Exception], None] | None = None

    def fail(self, error: Exception) -> None:
        if self.error is not None:
            return
        self.error = error
        if self.tell is None:
            log.error("%s: %s", type(self).__name__, error)
        else:
            self.tell(error)

    def end_early(self, error: Exception) -> None:
        self.failure = error
        if self.tell is not None:
            self.tell(error)


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
