# SPDX-License-Identifier: GPL-3.0-or-later
"""A GNU Radio message block that does its work in a thread of its own."""

import logging
import time
from collections.abc import Sequence
from typing import Any

import pmt
from gnuradio import gr

from percast.blocks.guard import Guarded, guarded
from percast.blocks.queues.worker import Worker

log = logging.getLogger(__name__)

_ON_THEIR_WAY = 1e-3  # seconds
_AT_START = 4  # times as many live messages may wait while engines compile for the first


class WorkerBlock(Guarded, gr.basic_block):
    """Takes messages into a bounded queue; a worker thread hands them to the method `process`
    that subclasses have: as many arguments as `batch` says, one unless a subclass overrides it.
    What queues is what `unpack` makes of a message.

    A batch that fails is tried again one by one, so that one bad item takes no others with it:
    `process` must publish and count nothing before all that may fail is done.

    Args:
        name: of the block.
        takes: message input port.
        gives: message output port, None for none.
        depth: messages that may wait.
        live: drop the oldest and count it when too many wait, at the start four times as many as
            later; without it, whoever sends must not send while `full`.
    """

    def __init__(self, name: str, takes: str, gives: str | None, depth: int, live: bool = False):
        gr.basic_block.__init__(self, name, None, None)
        self._worker = Worker(
            self._process,
            depth=depth,
            drop_oldest=live,
            name=name,
            batch=self.batch,
            depth_at_start=_AT_START * depth if live else 0,
        )
        self._takes = pmt.intern(takes)
        self.message_port_register_in(self._takes)
        self.set_msg_handler(self._takes, self._take)
        self._gives = None
        if gives:
            self._gives = pmt.intern(gives)
            self.message_port_register_out(self._gives)

    @property
    def dropped(self) -> int:
        """Messages dropped because too many waited."""
        return self._worker.dropped

    def full(self, seconds: float = 0.0) -> bool:
        """Whether one more message would be one too many; waits so long at most for room."""
        if self._worker.full(seconds):
            return True
        if not self.nmsgs(self._takes):
            return False
        # GNU Radio has messages for the room there is, as many as somebody sent at once.
        time.sleep(min(seconds, _ON_THEIR_WAY))
        return True

    def idle(self) -> bool:
        return self._worker.pending == 0

    def publish(self, message) -> None:
        self.message_port_pub(self._gives, message)

    def unpack(self, message) -> Any:
        """What waits in the queue for a message; the message itself unless overridden."""
        return message

    def batch(self, waiting: Sequence) -> int:
        """How many of the waiting items, oldest first, to process at once."""
        return 1

    @guarded()
    def _take(self, message) -> None:
        self._worker.submit(self.unpack(message))

    def _process(self, *items) -> None:
        if len(items) > 1:
            try:
                return self.process(*items)
            except Exception as error:  # noqa: BLE001 - comes again from the item to blame
                log.debug("%s: a batch of %d failed: %s", self.name(), len(items), error)
        for item in items:
            self._process_one(item)

    @guarded()
    def _process_one(self, item) -> None:
        self.process(item)

    def stop(self) -> bool:
        self._worker.close(drain=False)
        return True
