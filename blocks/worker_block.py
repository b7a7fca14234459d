# SPDX-License-Identifier: GPL-3.0-or-later
"""A GNU Radio message block that does its work in a thread of its own."""

import pmt
from gnuradio import gr

from percast.blocks.guard import Guarded, guarded
from percast.engines.worker import Worker


class WorkerBlock(Guarded, gr.basic_block):
    """Takes messages into a bounded queue; a worker thread hands them, one at a time, to the
    method `process(message)` that subclasses have.

    Args:
        name: of the block.
        takes: message input port.
        gives: message output port, None for none.
        depth: messages that may wait.
        live: drop the oldest and count it when too many wait; without it, whoever sends must not
            send while `full`.
    """

    def __init__(self, name: str, takes: str, gives: str | None, depth: int, live: bool = False):
        gr.basic_block.__init__(self, name, None, None)
        self._worker = Worker(self._guarded_process, depth=depth, drop_oldest=live, name=name)
        self.message_port_register_in(pmt.intern(takes))
        self.set_msg_handler(pmt.intern(takes), self._take)
        self._gives = None
        if gives:
            self._gives = pmt.intern(gives)
            self.message_port_register_out(self._gives)

    @property
    def dropped(self) -> int:
        """Messages dropped because too many waited."""
        return self._worker.dropped

    def full(self) -> bool:
        return self._worker.full

    def idle(self) -> bool:
        return self._worker.pending == 0

    def publish(self, message) -> None:
        self.message_port_pub(self._gives, message)

    @guarded()
    def _take(self, message) -> None:
        self._worker.submit(message)

    @guarded()
    def _guarded_process(self, message) -> None:
        self.process(message)

    def stop(self) -> bool:
        self._worker.close(drain=False)
        return True
