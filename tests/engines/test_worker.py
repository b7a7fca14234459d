# SPDX-License-Identifier: GPL-3.0-or-later
import threading
import time

import pytest

from percast.engines.worker import Worker


class Gate:
    """A function that a test holds up: each call waits until `open` is set."""

    def __init__(self):
        self.entered = threading.Semaphore(0)
        self.open = threading.Event()

    def __call__(self, item):
        self.entered.release()
        assert self.open.wait(10)
        return item


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.open.set()


def fail(item):
    raise ArithmeticError(f"no {item}")


def in_thread(function):
    """Runs a function in a thread; `join` it and read `.result`."""

    class Thread(threading.Thread):
        result: object = None

        def run(self):
            try:
                self.result = function()
            except BaseException as error:
                self.result = error

    thread = Thread(daemon=True)
    thread.start()
    return thread


def wait_until(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_results_come_in_order_and_in_another_thread():
    results, threads = [], set()
    worker = Worker(lambda x: (results.append(2 * x), threads.add(current())))
    current = threading.current_thread
    assert all(worker.submit(i) for i in range(20))
    worker.close()
    assert results == [2 * i for i in range(20)]
    assert current() not in threads and worker.dropped == 0


def test_a_full_queue_makes_the_sender_wait_and_loses_nothing(gate):
    results = []
    worker = Worker(lambda x: results.append(gate(x)), depth=2)
    worker.submit(0)
    gate.entered.acquire()  # 0 is in work
    worker.submit(1)
    worker.submit(2)
    assert worker.full and worker.pending == 3
    waiting = in_thread(lambda: worker.submit(3))
    waiting.join(0.05)
    assert waiting.is_alive()
    gate.open.set()
    waiting.join(10)
    assert waiting.result is True
    worker.close()
    assert results == [0, 1, 2, 3] and worker.pending == 0 and not worker.full


def test_a_paced_queue_drops_the_oldest_and_counts_it(gate):
    results = []
    worker = Worker(lambda x: results.append(gate(x)), depth=2, drop_oldest=True)
    worker.submit(0)
    gate.entered.acquire()
    assert [worker.submit(i) for i in (1, 2, 3, 4)] == [True, True, False, False]
    assert worker.dropped == 2
    gate.open.set()
    worker.close()
    assert results == [0, 3, 4]


def test_an_exception_stops_the_worker_and_is_raised_again():
    worker = Worker(fail, depth=4)
    worker.submit("luck")
    with pytest.raises(ArithmeticError, match="no luck"):
        worker.close()
    with pytest.raises(ArithmeticError):
        worker.check()
    with pytest.raises(ArithmeticError):
        worker.submit("more")


def test_a_waiting_sender_is_freed_when_the_worker_fails(gate):
    worker = Worker(lambda item: fail(gate(item)), depth=1)
    worker.submit(0)
    gate.entered.acquire()
    worker.submit(1)
    waiting = in_thread(lambda: worker.submit(2))
    waiting.join(0.05)
    assert waiting.is_alive()
    gate.open.set()
    waiting.join(10)
    assert isinstance(waiting.result, ArithmeticError)
    assert worker.pending == 0


def test_a_waiting_sender_is_freed_when_the_worker_closes(gate):
    worker = Worker(gate, depth=1)
    worker.submit(0)
    gate.entered.acquire()
    worker.submit(1)
    waiting = in_thread(lambda: worker.submit(2))
    waiting.join(0.05)
    closing = in_thread(lambda: worker.close(drain=False))
    waiting.join(10)
    assert waiting.result is None
    gate.open.set()
    closing.join(10)
    assert not closing.is_alive()


def test_closing_without_draining_finishes_only_what_is_in_work(gate):
    results = []
    worker = Worker(lambda x: results.append(gate(x)))
    for item in range(3):
        worker.submit(item)
    gate.entered.acquire()
    closing = in_thread(lambda: worker.close(drain=False))
    wait_until(lambda: worker.pending == 1)
    gate.open.set()
    closing.join(10)
    assert results == [0]


def test_a_closed_worker_takes_nothing_and_closes_twice():
    worker = Worker(str)
    worker.close()
    worker.close()
    assert worker.submit(1) is None


def test_a_worker_may_close_itself():
    worker = Worker(lambda item: worker.close(), depth=1)
    worker.submit(0)
    wait_until(lambda: worker.pending == 0)
    worker.close()


def test_a_queue_of_no_depth_is_refused():
    with pytest.raises(ValueError, match="depth"):
        Worker(str, depth=0)
