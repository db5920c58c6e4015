"""The trace counts what it is told, step by step, and its snapshot does not change."""

from __future__ import annotations

import time

import pytest

from guidedgen.sampler.sequence import TokenRecord
from guidedgen.sampler.trace import Trace, TraceRecorder

CHOSEN = TokenRecord(token=1, proposal_logprob=-0.1, logprob=-0.5, log_mass=-0.25)
FORCED = TokenRecord(token=2, proposal_logprob=0.0, forced=True)


def two_steps() -> TraceRecorder:
    recorder = TraceRecorder()
    recorder.forward(rows=5, reused=2, seconds=0.5)
    recorder.mask(0.125)
    recorder.commit(CHOSEN)
    recorder.commit(FORCED)
    recorder.end_step()
    recorder.forward(rows=1, seconds=0.25)
    recorder.commit(CHOSEN)
    recorder.retract(2)
    return recorder


def test_steps_and_summary() -> None:
    trace = two_steps().snapshot()
    assert [(step.rows, step.committed, step.forced) for step in trace.steps] == [(5, 2, 1), (1, 1, 0)]
    assert trace.summary() == {
        "steps": 2,
        "forwards": 2,
        "rows": 6,
        "reused": 2,
        "committed": 3,
        "forced": 1,
        "retracted": 2,
        "forward_seconds": 0.75,
        "mask_seconds": 0.125,
        "log_mass": -0.5,
    }


def test_a_step_without_events_is_not_kept() -> None:
    recorder = TraceRecorder()
    recorder.end_step()
    recorder.end_step()
    assert recorder.snapshot() == Trace()


def test_a_snapshot_does_not_change() -> None:
    recorder = two_steps()
    before = recorder.snapshot()
    recorder.forward(rows=9)
    assert before.total("rows") == 6
    assert recorder.snapshot().total("rows") == pytest.approx(15)


def test_seconds_of_steps_are_those_since_the_step_before() -> None:
    began = time.perf_counter()
    recorder = TraceRecorder()
    time.sleep(0.02)
    recorder.forward(rows=1)
    recorder.end_step()
    time.sleep(0.01)
    recorder.drafting(0.25)
    recorder.drafting(0.5)
    recorder.forward(rows=1)
    first, second = recorder.snapshot().steps
    assert first.seconds >= 0.02
    assert second.seconds >= 0.01
    assert first.seconds + second.seconds <= time.perf_counter() - began
    assert (first.draft_seconds, second.draft_seconds) == (0.0, 0.75)
    assert 0 <= first.cpu_seconds < 0.02  # it slept
