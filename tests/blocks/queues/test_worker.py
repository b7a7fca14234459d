# SPDX-License-Identifier: GPL-3.0-or-later
import threading
import time

import pytest

from percast.blocks.queues.worker import Worker, leading


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
    end = time.monotonic() + 30
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
    assert worker.full() and worker.pending == 3
    waiting = in_thread(lambda: worker.submit(3))
    waiting.join(0.05)
    assert waiting.is_alive()
    gate.open.set()
    waiting.join(10)
    assert waiting.result is True
    worker.close()
    assert results == [0, 1, 2, 3] and worker.pending == 0 and not worker.full()


def test_who_asks_whether_a_queue_is_full_may_wait_for_room(gate):
    worker = Worker(gate, depth=1)
    worker.submit(0)
    gate.entered.acquire()
    worker.submit(1)
    assert worker.full(0.05)  # still
    waiting = in_thread(lambda: worker.full(10))
    gate.open.set()
    waiting.join(5)
    assert not waiting.is_alive() and waiting.result is False
    worker.close()


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


def test_more_may_wait_until_the_first_is_done_and_the_others_caught_up_with(gate):
    results = []
    worker = Worker(lambda x: results.append(gate(x)), depth=2, drop_oldest=True, depth_at_start=5)
    worker.submit(0)
    gate.entered.acquire()
    assert all(worker.submit(i) for i in range(1, 6)) and worker.full()
    gate.open.set()
    wait_until(lambda: worker.pending == 0)
    assert results == [0, 1, 2, 3, 4, 5]
    gate.open.clear()
    worker.submit(6)
    for _ in range(6):
        gate.entered.acquire()
    assert [worker.submit(i) for i in (7, 8, 9)] == [True, True, False]
    gate.open.set()
    worker.close()
    assert results[6:] == [6, 8, 9] and worker.dropped == 1


def test_what_does_not_even_catch_up_at_the_start_has_its_depth_at_once(gate):
    results = []
    worker = Worker(lambda x: results.append(gate(x)), depth=2, drop_oldest=True, depth_at_start=5)
    worker.submit(0)
    gate.entered.acquire()
    assert [worker.submit(i) for i in range(1, 8)] == [True] * 5 + [False] * 2
    gate.open.set()
    worker.close()
    assert results == [0, 6, 7] and worker.dropped == 5


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


def held(gate, results):
    """A function of any number of items that notes them and waits at the gate."""

    def function(*items):
        results.append(items)
        gate(items)

    return function


def test_what_waits_is_taken_together_and_in_order(gate):
    batches = []
    worker = Worker(held(gate, batches), depth=8, batch=lambda waiting: 4)
    worker.submit(0)
    gate.entered.acquire()
    for item in range(1, 7):
        worker.submit(item)
    gate.open.set()
    worker.close()
    assert batches == [(0,), (1, 2, 3, 4), (5, 6)]


def test_an_item_alone_does_not_wait_for_others(gate):
    batches = []
    worker = Worker(held(gate, batches), batch=lambda waiting: 4)
    worker.submit(0)
    assert gate.entered.acquire(timeout=30) and batches == [(0,)]
    gate.open.set()
    worker.close()


def test_all_items_of_a_batch_are_pending_and_leave_room_in_the_queue(gate):
    entered, first, taken = threading.Event(), threading.Event(), threading.Event()

    def function(*items):
        if items == (0,):
            entered.set()
            assert first.wait(10)
        else:
            taken.set()
            gate(items)

    worker = Worker(function, depth=3, batch=len)
    worker.submit(0)
    assert entered.wait(10)
    for item in range(1, 4):
        worker.submit(item)
    assert worker.full() and worker.pending == 4
    first.set()
    assert taken.wait(10)
    assert not worker.full() and worker.pending == 3
    gate.open.set()
    worker.close()
    assert worker.pending == 0


def test_batches_drop_only_what_waits_and_count_all_of_it(gate):
    batches = []
    worker = Worker(held(gate, batches), depth=3, drop_oldest=True, batch=lambda waiting: 2)
    worker.submit(0)
    gate.entered.acquire()
    assert [worker.submit(i) for i in range(1, 7)] == [True] * 3 + [False] * 3
    assert worker.dropped == 3
    gate.open.set()
    worker.close()
    assert batches == [(0,), (4, 5), (6,)]
    assert sum(map(len, batches)) + worker.dropped == 7


def test_a_rule_that_fails_stops_the_worker_as_the_function_does():
    worker = Worker(str, batch=fail)
    worker.submit(0)
    with pytest.raises(ArithmeticError):
        worker.close()


@pytest.mark.parametrize(
    ("waiting", "most", "taken"),
    [
        ("a", 4, 1),
        ("aa", 4, 2),
        ("aaa", 4, 2),  # a power of two: few shapes to compile for
        ("aaaaaa", 4, 4),
        ("aaaaaa", 3, 2),
        ("aab", 4, 2),
        ("baa", 4, 1),
        ("aaaa", 1, 1),
        ("aaaa", 0, 1),
    ],
)
def test_a_batch_is_the_leading_items_of_one_kind(waiting, most, taken):
    assert leading(waiting, kind=lambda item: item, most=lambda item: most) == taken


def test_an_item_of_no_kind_stays_alone():
    assert leading([None, None], kind=lambda item: item, most=lambda item: 4) == 1
    assert leading(["a", "a", None], kind=lambda item: item, most=lambda item: 4) == 2
