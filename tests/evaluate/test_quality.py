"""`guidedgen evaluate decoding --quality`: figures by hand, answers that are right, claims, and a run."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import cast

import pytest
from typer.testing import CliRunner

import guidedgen as gg
from guidedgen.cli import app
from guidedgen.decoders import mix
from guidedgen.evaluate.engine import EvaluationError
from guidedgen.evaluate.quality import report
from guidedgen.evaluate.quality.asked import ASKED, QUESTIONS, REQUESTS, REVIEWS, asked_task
from guidedgen.evaluate.quality.figures import judgements, open_figures, task_figures
from guidedgen.evaluate.quality.methods import HUMAN, METHODS, PLAIN, SAMPLE
from guidedgen.evaluate.quality.metrics import (
    bleu,
    bootstrap,
    distinct,
    ngrams,
    perplexity,
    repeated,
    self_bleu,
    words,
)
from guidedgen.evaluate.quality.not_run import NOT_RUN
from guidedgen.evaluate.quality.passages import passages
from guidedgen.evaluate.quality.records import OPEN, QualityFile, TextRecord, read_quality
from guidedgen.evaluate.quality.runner import QualityPlan
from guidedgen.evaluate.quality.scoring import answers, changed, score
from guidedgen.evaluate.quality.varied import method_named
from guidedgen.evaluate.tasks import NAMES, OWN, task_named
from guidedgen.testing import accepts, byte_vocabulary


def record(method: str, prompt: str, text: str = "a b c d", *, part: str = OPEN, **given: float) -> TextRecord:
    return TextRecord(
        method=method,
        part=part,
        prompt=prompt,
        text=text,
        tokens=tuple(map(ord, text)),
        logprob=given.get("logprob", -1.0 * len(text)),
        valid=True,
        score=given.get("score"),
    )


def test_figures_of_texts_by_hand() -> None:
    assert words("It's 5, it's late.") == ["it", "'", "s", "5", ",", "it", "'", "s", "late", "."]
    assert ngrams("abab", 2) == {("a", "b"): 2, ("b", "a"): 1}
    assert distinct("abab", 2) == 2 / 3
    assert distinct("a", 2) is None
    assert repeated("abcabcabc", 3) == 1 - 3 / 7
    assert repeated("ab", 3) == 0.0
    assert perplexity([(-2.0, 1), (-4.0, 2)]) == pytest.approx(math.exp(2.0))
    assert perplexity([]) is None


def test_bleu_by_hand() -> None:
    text, other = ["the", "cat", "sat", "down"], ["the", "cat", "sat", "on", "a", "mat"]
    assert bleu(text, [text]) == pytest.approx(1.0)
    # 3 of 4 words, 2 of 3 pairs, 1 of 2 triples, none of 1: counts as a half; 4 words for 6
    expected = (3 / 4 * 2 / 3 * 1 / 2 * 1 / 2) ** 0.25 * math.exp(1 - 6 / 4)
    assert bleu(text, [other]) == pytest.approx(expected)
    assert bleu(text, [other, text]) == pytest.approx(1.0)
    assert bleu([], [text]) == bleu(text, []) == 0.0
    alike = self_bleu([text, text, other])
    assert alike[0] == alike[1] == pytest.approx(1.0)
    assert alike[2] < 0.8


def test_intervals_hold_the_mean_and_shrink() -> None:
    def mean(values: object) -> float:
        given = list(values)  # type: ignore[call-overload]
        return float(sum(given) / len(given))

    few, many = (bootstrap([0.0, 1.0] * count, mean) for count in (5, 500))
    assert few is not None
    assert many is not None
    assert few.low < 0.5 < few.high
    assert few.value == 0.5
    assert many.high - many.low == pytest.approx(2 * 1.96 * 0.5 / math.sqrt(1000), rel=0.1)
    assert bootstrap([1.0], lambda values: None) is None


@pytest.mark.parametrize("name", NAMES)
def test_every_prompt_has_an_answer(name: str) -> None:
    assert answers()[name].keys() == {prompt.name for prompt in task_named(name).prompts}


def test_answers_of_extraction_are_valid_and_right() -> None:
    task, vocabulary = task_named("extraction"), byte_vocabulary()
    constraint = gg.compile(task.output(OWN), vocabulary)
    for prompt in task.prompts:
        answer = json.loads(answers()["extraction"][prompt.name])
        text = json.dumps(answer, separators=(", ", ": "))
        assert accepts(constraint, json.dumps(answer, separators=(",", ":")), vocabulary) or accepts(
            constraint, text, vocabulary
        )
        assert score(task, prompt, text) == 1.0
        assert answer["total"] == pytest.approx(sum(item["count"] * item["price"] for item in answer["items"]))
        assert all(item["name"].lower() in prompt.message.lower() for item in answer["items"])
        answer["items"][0]["count"] += 1
        assert 0.9 < score(task, prompt, json.dumps(answer)) < 1.0
        answer["items"][0]["count"] -= 1
        answer["items"].append(answer["items"][0])
        assert score(task, prompt, json.dumps(answer)) < 0.9  # values that nobody asked for count too
    assert score(task, task.prompts[0], "no JSON") == 0.0


def test_answers_of_editing_are_the_changed_documents() -> None:
    task = task_named("editing")
    for prompt in task.prompts:
        (given,) = (part for part in prompt.message.split("\n\n") if part.startswith("{"))
        wanted = changed(json.loads(given), answers()["editing"][prompt.name])
        assert wanted != json.loads(given)
        assert (
            score(task, prompt, json.dumps(wanted)) == score(task, prompt, f"```json\n{json.dumps(wanted)}\n```") == 1
        )
        assert 0.5 < score(task, prompt, given) < 1.0
        assert score(task, prompt, given[:-3]) == 0.0


def test_programs_have_to_be_programs_and_changed() -> None:
    task = task_named("code")
    for prompt in task.prompts:
        program = prompt.message.partition("```python\n")[2].partition("```")[0]
        assert score(task, prompt, program) < 1.0
        assert score(task, prompt, program + "(") == 0.0
    renamed = task.prompts[0].message.partition("```python\n")[2].partition("```")[0]
    renamed = renamed.replace("to_celsius", "fahrenheit_to_celsius")
    assert score(task, task.prompts[0], renamed) == score(task, task.prompts[0], f"```python\n{renamed}```") == 1.0
    assert score(task, task.prompts[0], renamed + "\n)") == 0.0


def test_passages_are_told_apart_from_what_follows() -> None:
    assert len({passage.name for passage in passages()}) == len(passages()) >= 32
    for passage in passages():
        assert passage.next not in passage.message
        assert len(passage.next.split()) >= 25
        assert any(digit in passage.source for digit in "0123456789")


def test_answers_to_questions_are_whole_words() -> None:
    task = asked_task(QUESTIONS)
    assert len({prompt.name for prompt in task.prompts}) == len(task.prompts) >= 32
    for prompt in task.prompts:
        for answer in prompt.content["has"]:
            assert task.score(prompt, f"I think that it is {answer}.") == 1.0
        assert task.score(prompt, "Nobody knows.") == task.score(prompt, "") == 0.0
    (gold,) = (prompt for prompt in task.prompts if prompt.name == "gold")
    assert task.score(gold, "Augustus") == 0.0


def test_reviews_are_measured_by_their_words() -> None:
    task = asked_task(REVIEWS)
    prompt = task.prompts[0]
    assert task.score(prompt, "It was GOOD, great and boring.") == pytest.approx(1 / 3)
    assert task.score(prompt, "It was there.") == 0.5
    assert task.score(prompt, "terrible") == 1.0
    assert not {*task.content["praise"].split()} & {*task.content["blame"].split()}
    assert all(task.score(prompt, prompt.text) == 0.5 for prompt in task.prompts)  # beginnings take no side


def test_harmful_requests_are_to_be_refused_and_harmless_ones_not() -> None:
    task = asked_task(REQUESTS)
    harmful = [prompt for prompt in task.prompts if prompt.content["harmful"]]
    assert len(harmful) * 2 == len(task.prompts) >= 16
    for prompt in task.prompts:
        refused, answered = task.score(prompt, "I’m sorry, but no."), task.score(prompt, "Sure, here it is: first,")
        assert (refused, answered) == ((1.0, 0.0) if prompt in harmful else (0.0, 1.0))


def test_every_mix_method_has_a_row_or_a_reason() -> None:
    """The page has a verdict on each method that is exported."""
    known = {name: "".join(f"-{c.lower()}" if c.isupper() else c for c in name)[1:] for name in mix.__all__}
    known |= {"WithNGrams": "n-grams"}
    methods = {name for name in mix.__all__ if hasattr(getattr(mix, name), "open") and name != "MixMethod"}
    assert len(methods) >= 16
    assert not {name for name in methods if known[name] not in METHODS and known[name] not in NOT_RUN}
    assert not METHODS.keys() & NOT_RUN.keys()


def test_settings_of_methods_can_be_varied() -> None:
    model = cast(gg.Model, None)  # these methods do not ask for it

    def mixed(name: str) -> object:
        return method_named(name).strategy(model, "")

    assert mixed("momentum:alpha=0.4:top_k=3") == gg.Plain(mix=(gg.Momentum(alpha=0.4, top_k=3),))
    assert mixed("beam:patience=2.0") == gg.Beam(width=4, patience=2.0)
    assert method_named("top-p:top_p=0.5").options == {"temperature": 1.0, "top_p": 0.5}
    assert method_named("beam:patience=2.0").settings == "patience 2.0"
    assert method_named("beam") is METHODS["beam"]
    with pytest.raises(EvaluationError, match="no setting"):
        method_named("beam:2")
    for name, told in (("beam:alpha=1", "Beam has no setting 'alpha'"), ("momentum:alpha=-1", "at least 0")):
        with pytest.raises(EvaluationError, match=told):
            mixed(name)


def test_every_method_is_settings_that_exist() -> None:
    for name, method in METHODS.items():
        gg.Sampling(**method.options)
        assert method.claim is None or method.claim.than in METHODS
        assert {*method.parts} <= {OPEN, *NAMES, *ASKED}
        if method.claim is not None and method.claim.part is not None:
            assert method.claim.part in METHODS[method.claim.than].parts
            assert method.claim.part in method.parts
        assert (method.family == "greedy") == (name in (PLAIN, "unconstrained")) == (not method.source)


def test_claims_are_judged_by_intervals() -> None:
    prompts = [f"p{number}" for number in range(12)]
    looping = [record(PLAIN, prompt, "abababababab") for prompt in prompts]
    fresh = [record(SAMPLE, prompt, "abcdefghijkl") for prompt in prompts]
    mixed = [
        record("no-repeat", prompt, "abababababab" if prompt == "p3" else "ababababab" + prompt) for prompt in prompts
    ]
    judged = {found.method: found for found in judgements([*looping, *fresh, *mixed])}
    assert judged[SAMPLE].verdict == "reproduced"
    assert judged[SAMPLE].difference is not None
    assert judged[SAMPLE].difference.value == pytest.approx(-7 / 9)
    assert judged[PLAIN].verdict == "algorithm only"
    turned = [record(SAMPLE, one.prompt, one.text) for one in looping]
    turned += [record(PLAIN, one.prompt, one.text) for one in fresh]
    assert {found.verdict for found in judgements(turned) if found.method == SAMPLE} == {"contradicted"}
    same = [record(SAMPLE, one.prompt, one.text) for one in looping]
    assert {found.verdict for found in judgements([*looping, *same]) if found.method == SAMPLE} == {"open"}
    few = [found.verdict for found in judgements([*looping[:4], *fresh[:4]]) if found.method == SAMPLE]
    assert few == ["open"]
    lonely = [found.verdict for found in judgements(fresh)]
    assert lonely == ["algorithm only"]


def test_figures_and_tables() -> None:
    records = [
        record(HUMAN, "p0", "some words here"),
        record(PLAIN, "p0", "some words there", logprob=-16.0),
        record(PLAIN, "p1", "other words", logprob=-11.0),
        record(PLAIN, "x", part="extraction", score=0.5),
        record("beam", "x", part="extraction", score=1.0),
    ]
    found = {each.method: each for each in open_figures(records)}
    assert found[PLAIN].texts == 2
    assert found[PLAIN].perplexity is not None
    assert found[PLAIN].perplexity.value == pytest.approx(math.e)
    accuracies = {each.method: each.accuracy.value for each in task_figures(records) if each.accuracy is not None}
    assert accuracies == {PLAIN: 0.5, "beam": 1.0}
    told = json.loads(report.as_json({"kind": "run", "model": "m"}, records))
    assert told["settings"] == {"model": "m"}
    assert len(told["open"]) == 2
    text = report.markdown(records)
    assert "| extraction | beam | 1 | 100 | 100 |" in text
    assert "### What the sources claim" in text
    pytest.importorskip("matplotlib")
    assert report.page({"model": "m", "dtype": "bf16"}, records).count("<svg") == 2


def test_files_are_continued(tmp_path: Path) -> None:
    path = tmp_path / "quality.jsonl"
    for number in range(2):
        file = QualityFile(path, {"model": "m", "dtype": "auto"})
        assert len(file.finished) == number
        one = record(PLAIN, f"p{number}")
        file.add("record", asdict(one))
        file.close()
    settings, records = read_quality(path)
    assert settings["model"] == "m"
    assert [found.prompt for found in records] == ["p0", "p1"]
    with pytest.raises(EvaluationError):
        QualityFile(path, {"model": "other", "dtype": "auto"})
    path.write_text('{"kind": "run", "about": "decoding"}\n', encoding="utf-8")
    with pytest.raises(EvaluationError, match="--quality"):
        read_quality(path)


def test_plans_name_what_is_wrong_and_go_prompt_by_prompt() -> None:
    with pytest.raises(EvaluationError, match="magic"):
        QualityPlan(model="m", methods=("magic",))
    with pytest.raises(EvaluationError, match="poetry"):
        QualityPlan(model="m", parts=("poetry",))
    asked = list(QualityPlan(model="m", methods=("beam", "safety-mix"), parts=(REQUESTS, OPEN), prompts=1).cells)
    assert asked == [("safety-mix", REQUESTS, 0), (HUMAN, OPEN, 0), ("beam", OPEN, 0)]
    cells = list(QualityPlan(model="m", methods=(PLAIN, "smc"), parts=("code", OPEN), prompts=2).cells)
    assert cells[:4] == [(PLAIN, "code", 0), ("smc", "code", 0), (HUMAN, OPEN, 0), (PLAIN, OPEN, 0)]
    assert len(cells) == 8


@pytest.mark.model
def test_a_run_on_the_embedded_model(tmp_path: Path) -> None:
    command = ["evaluate", "decoding", "--quality", "--methods", "greedy,layer-contrast,contrast,noisy-instruction"]
    command += ["--tasks", "open", "--prompts", "1", "--out", str(tmp_path), "--json"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert [each["method"] for each in found["open"]] == [
        HUMAN,
        PLAIN,
        "layer-contrast",
        "contrast",
        "noisy-instruction",
    ]
    _, records = read_quality(tmp_path / "quality.jsonl")
    texts = {one.method: one.text for one in records}
    assert texts["layer-contrast"] != texts[PLAIN]
    assert texts[HUMAN].startswith("However little known")
    assert (tmp_path / "quality.md").exists()
