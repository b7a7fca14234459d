# SPDX-License-Identifier: GPL-3.0-or-later
"""Who does a campaign's shots, where several do."""

import signal

import pytest

from percast.tools.campaign.crews import open_crew

pytest.importorskip("distributed")


@pytest.mark.parametrize("call", ["submit", "nthreads"])
def test_ctrl_c_waits_until_dask_has_been_told(call):
    """Dask's event loop prints a traceback where a KeyboardInterrupt leaves one of its calls."""
    went_through = []
    with pytest.raises(KeyboardInterrupt):
        with open_crew(None, 2, task=str.upper) as crew:
            real = getattr(crew._client, call)

            def interrupted(*args, **kwargs):
                signal.raise_signal(signal.SIGINT)
                answer = real(*args, **kwargs)
                went_through.append(answer)
                return answer

            setattr(crew._client, call, interrupted)
            next(crew.work(["a"]))
    assert went_through


def test_ctrl_c_between_two_shots_is_heard_at_once():
    with pytest.raises(KeyboardInterrupt):
        with open_crew(None, 2, task=str.upper) as crew:
            done = crew.work(["a", "b"])
            assert next(done) in "AB"
            signal.raise_signal(signal.SIGINT)
            pytest.fail("it was not")
