"""Reading, probing and walking with a matcher whose texts are listed: what is right is known beforehand."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import numpy as np
import pytest

from guidedgen.evaluate.clocks import Clock
from guidedgen.evaluate.probing import FirstBytes, probe
from guidedgen.evaluate.reading import Bench, read_instance
from guidedgen.evaluate.validators import Validators, Verdict, installed
from guidedgen.evaluate.walks import Walker, Walks, judge, sample
from guidedgen.masks import Mask
from guidedgen.testing import byte_vocabulary
from tests.evaluate.samples import END, Texts

VOCABULARY = byte_vocabulary()
BENCH = Bench.of(VOCABULARY.size, (END,), masks_end=True)
FIRST = FirstBytes(VOCABULARY)
THREE = [b'"one"', b'"two"', b'"two three"']


@pytest.mark.parametrize(
    ("text", "accepted", "read"),
    [
        (b'"one"', True, 5),
        (b'"two three"', True, 11),
        (b'"on', False, 3),
        (b'"ten"', False, 2),
        (b'"one" ', False, 5),
        (b"", False, 0),
    ],
)
def test_a_text_is_accepted_if_every_token_is_allowed_and_it_may_end(text: bytes, accepted: bool, read: int) -> None:
    reading = read_instance(Texts(THREE), list(text), BENCH, valid=True)
    assert (reading.accepted, reading.read, reading.tokens) == (accepted, read, len(text))
    assert not reading.refused_in_mask
    assert not reading.end_differs
    assert len(reading.commits) == len(reading.commits_cpu) == read
    assert len(reading.fills) == len(reading.fills_cpu) == read + 1


def test_times_are_those_of_the_calls() -> None:
    class Slow(Texts):
        def fill(self, mask: Mask) -> None:
            _spin(2_000_000)
            super().fill(mask)

        def commit(self, token: int) -> bool:
            _spin(5_000_000)
            return super().commit(token)

    reading = read_instance(Slow(THREE), list(b'"one"'), BENCH, valid=True)
    assert reading.accepted
    assert min(reading.fills_cpu) > 1_500_000
    assert min(reading.commits_cpu) > 4_500_000
    assert np.median(reading.fills_cpu) < np.median(reading.commits_cpu)


def _spin(nanoseconds: int) -> None:
    import time

    until = time.thread_time_ns() + nanoseconds
    while time.thread_time_ns() < until:
        pass


def test_the_clock_takes_off_what_reading_it_costs() -> None:
    clock = Clock.calibrated()
    assert clock.cpu_floor > 0
    assert clock.spent(100, 100 + clock.wall_floor + 7, 50, 50 + clock.cpu_floor + 3) == (7, 3)
    assert clock.spent(0, 0, 0, 0) == (0, 0)
    wall, cpu = clock.mask_copy(4008)
    assert 0 < wall < 100_000
    assert 0 < cpu < 100_000


def test_an_end_token_that_differs_from_accepting_is_noticed() -> None:
    class Endless(Texts):
        def fill(self, mask: Mask) -> None:
            super().fill(mask)
            mask[END >> 5] = 0

    assert read_instance(Endless(THREE), list(b'"one"'), BENCH, valid=True).end_differs
    without = Bench(BENCH.mask, BENCH.clock, BENCH.ends, masks_end=False)
    assert not read_instance(Endless(THREE), list(b'"one"'), without, valid=True).end_differs


def test_a_commit_that_takes_what_the_mask_refuses_is_noticed_while_reading() -> None:
    class Lenient(Texts):
        def commit(self, token: int) -> bool:
            return True

    reading = read_instance(Lenient(THREE), list(b'"one" more'), BENCH, valid=False)
    assert (reading.accepted, reading.read, reading.taken_outside_mask) == (False, 1, True)
    strict = read_instance(Texts(THREE), list(b'"one" more'), BENCH, valid=False)
    assert (strict.accepted, strict.taken_outside_mask, strict.refused_in_mask) == (False, False, False)


def test_an_exception_is_the_error_of_one_reading() -> None:
    class Broken(Texts):
        def commit(self, token: int) -> bool:
            raise RuntimeError("no more fuel")

    reading = read_instance(Broken(THREE), list(b'"one"'), BENCH, valid=True)
    assert (reading.error, reading.accepted, reading.read) == ("RuntimeError: no more fuel", False, 0)


def test_probes_of_an_engine_that_agrees_with_itself_find_nothing() -> None:
    probes = probe(
        Texts(THREE), [list(text) for text in THREE], BENCH, FIRST, tokens=64, random=np.random.default_rng(1)
    )
    assert probes.error is None
    assert probes.inside >= 4
    assert probes.outside == 32
    assert (probes.inside_refused, probes.outside_taken, probes.examples) == (0, 0, [])


def test_probes_outside_begin_like_tokens_inside() -> None:
    vocabulary = byte_vocabulary([b"ab", b"abc", b"ac", b"ad", b"ax", b"zz"])
    allowed = np.array([ord("a"), 257])
    found = FirstBytes(vocabulary).outside(allowed, 6, np.random.default_rng(0))
    alike = [token for token in found if vocabulary.token_bytes(token).startswith(b"a")]
    assert len(set(found)) == 6
    assert len(alike) >= 3
    assert not set(found) & set(allowed.tolist())


def test_a_walk_samples_every_text_there_is() -> None:
    walker = Walker(VOCABULARY, BENCH, FIRST, length=20)
    walks, texts = sample(Texts(THREE), walker, count=60, seed=(1, 2))
    assert (walks.closed, walks.open, walks.dead_ends, walks.refused, walks.error) == (60, 0, 0, 0, None)
    assert set(texts) == set(THREE)
    assert sample(Texts(THREE), walker, count=60, seed=(1, 2))[1] == texts


def test_a_walk_ends_with_the_engines_own_completion() -> None:
    class Completes(Texts):
        asked = 0

        def fresh(self) -> Completes:
            return self

        def shortest(self) -> list[int]:
            Completes.asked += 1
            return list(min(self.rest(), key=len))

    walks, texts = sample(
        Completes([b'"' + b"x" * 90 + b'"']), Walker(VOCABULARY, BENCH, FIRST, length=10), count=1, seed=(0,)
    )
    assert (walks.closed, [len(text) for text in texts], Completes.asked) == (1, [92], 1)


def test_walks_that_do_not_end_or_cannot_are_told_apart() -> None:
    class Stuck(Texts):
        def fill(self, mask: Mask) -> None:
            mask[:] = 0

    walker = Walker(VOCABULARY, BENCH, FIRST, length=2)
    assert sample(Texts([b"y" * 100]), walker, count=1, seed=(0,))[0].open == 1
    assert sample(Stuck([b"y"]), walker, count=1, seed=(0,))[0].dead_ends == 1


SCHEMA = {"type": "object", "properties": {"day": {"format": "date"}}, "required": ["day"]}


@pytest.mark.parametrize(
    ("text", "formats", "fault"),
    [
        (b'{"day": "2024-02-29"}', True, None),
        (b'{"day": "2023-02-29"}', True, "invalid"),
        (b'{"day": "2023-02-29"}', False, None),
        (b"{}", True, "invalid"),
        (b'{"day": NaN}', True, "not json"),
        (b'{"day": "\xff"}', True, "not json"),
        (b'{"day": "2024-02-29"', True, "not json"),
    ],
)
def test_texts_are_validated(text: bytes, formats: bool, fault: str | None) -> None:
    assert {"jsonschema", "jsonschema_rs"} <= set(installed())
    assert Validators(SCHEMA, formats=formats).judge(text).fault == fault


def test_a_disagreement_is_none_of_the_engines_faults() -> None:
    # Python's jsonschema divides floats; RFC 8259 numbers are decimal, and 19.99 is a multiple of 0.01.
    verdict = Validators({"multipleOf": 0.01}, formats=True).judge(b"19.99")
    assert verdict.fault == "disagreement"
    walks = Walks(closed=1)
    judge(walks, b"19.99", verdict)
    assert (walks.disagreements, walks.invalid) == (1, 0)
    assert "19.99" in walks.examples[0]


def test_a_validator_without_a_checker_for_a_format_has_no_opinion(monkeypatch: pytest.MonkeyPatch) -> None:
    checkers = jsonschema.Draft202012Validator.FORMAT_CHECKER.checkers
    monkeypatch.delitem(checkers, "date-time", raising=False)
    validators = Validators({"format": "date-time"}, formats=True)
    invalid, valid = validators.judge(b'"noon"'), validators.judge(b'"2024-05-06T07:08:09Z"')
    assert (invalid.fault, valid.fault) == ("invalid", None)
    assert "jsonschema: valid, date-time not checked" in valid.told
    assert Validators({"format": "date-time"}, formats=False).judge(b'"noon"').fault is None


def test_a_key_twice_is_counted_apart() -> None:
    verdict = Validators({}, formats=True).judge(b'{"a": {"b": 1, "b": 2}}')
    assert verdict == Verdict(fault=None, told="jsonschema: valid, jsonschema_rs: valid", duplicate_key=True)


@pytest.mark.parametrize("schema", [{"$ref": "http://localhost:9/nothing.json"}, {"$schema": 3}])
def test_schemas_that_no_validator_can_use_leave_texts_unchecked(schema: Any) -> None:
    verdict = Validators(schema, formats=True).judge(json.dumps(1).encode())
    assert verdict.fault in ("unchecked", None)
