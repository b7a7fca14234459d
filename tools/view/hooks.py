# SPDX-License-Identifier: GPL-3.0-or-later
"""Several that look into one block: a page, a publisher and windows at once.

A block calls one function, or none while nobody looks; here that one calls all of them.
"""

import threading
from collections.abc import Callable

_lock = threading.Lock()


class _All:
    """Calls each of some functions, in the order in which they came."""

    def __init__(self, functions: tuple[Callable, ...]):
        self.functions = functions

    def __call__(self, *args) -> None:
        for function in self.functions:
            function(*args)


def hook(block: object, name: str, function: Callable) -> None:
    """Have a block's attribute, such as `on_packet`, call this function as well."""
    with _lock:
        before = getattr(block, name)
        others = before.functions if isinstance(before, _All) else (before,) if before else ()
        setattr(block, name, _All((*others, function)))


def unhook(block: object, name: str, function: Callable) -> None:
    """Have it call this function no more; None is left when it was the last one. Nothing happens
    where it was not called."""
    with _lock:
        before = getattr(block, name)
        if not isinstance(before, _All):
            return
        others = tuple(other for other in before.functions if other != function)
        setattr(block, name, _All(others) if others else None)
