"""The tasks that come with the package: enough prompts, a licence, and texts that their own constraints take."""

from __future__ import annotations

import ast
import re

import pytest

from guidedgen.evaluate.engine import EvaluationError
from guidedgen.evaluate.tasks import FREE, NAMES, OWN, task_named
from guidedgen.grammars.compile import compile as compile_constraint
from guidedgen.testing import accepts, byte_vocabulary


@pytest.mark.parametrize("name", NAMES)
def test_every_task_is_complete(name: str) -> None:
    task = task_named(name)
    assert len(task.prompts) >= 8
    assert len({prompt.name for prompt in task.prompts}) == len(task.prompts)
    assert task.licence == "Apache-2.0"
    assert task.output(FREE) is None
    assert task.constraint_name(OWN) == next(iter(task.constraints))
    assert task.output(OWN) is not None
    for prompt in task.prompts:
        assert not re.search(r"\{(text|change)\}", prompt.message)


def test_documents_satisfy_their_constraints() -> None:
    vocabulary = byte_vocabulary()
    task = task_named("editing")
    for name in task.constraints:
        constraint = compile_constraint(task.output(name), vocabulary)
        for prompt in task.prompts:
            document = prompt.message[prompt.message.index("{") : prompt.message.rindex("}") + 1]
            assert accepts(constraint, document), prompt.name


def test_programs_satisfy_their_constraints() -> None:
    vocabulary = byte_vocabulary()
    task = task_named("code")
    ends = {"lines": "```", "python": ""}
    for name, end in ends.items():
        constraint = compile_constraint(task.output(name), vocabulary)
        for prompt in task.prompts:
            program = prompt.message.split("```python\n")[1].split("```")[0]
            ast.parse(program)
            assert accepts(constraint, f"```python\n{program}{end}"), prompt.name


def test_names_are_checked() -> None:
    with pytest.raises(EvaluationError, match=r"no task 'cooking'\. There are: extraction, editing, code"):
        task_named("cooking")
    with pytest.raises(EvaluationError, match=r"extraction has no constraint 'sql'. It has: own, none, schema, json"):
        task_named("extraction").output("sql")
