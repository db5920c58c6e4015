"""SQL, Python, GraphQL and Verilog under lark: what it derives and accepts, the languages' own programs accept."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing

import pytest

from tests.grammars.library import python_texts, sql_texts, verilog_texts
from tests.grammars.library.oracles import is_graphql, is_python, is_sql, is_verilog, sql_error
from tests.grammars.library.parsers import Deriver, parses
from tests.grammars.library.samples import GRAPHQL_TEXTS

SQL_WORDS = {
    "ID": ["a", "b", "t", "userId", "ß"],
    "QUOTED_ID": ['"q x"', "[z]", "`w`"],
    "STRING": ["'s'", "''''"],
    "BLOB": ["x'0a'"],
    "PARAMETER": ["?", "?1", ":p", "@x", "$y"],
    "NUMBER": ["1", "2.5", ".5", "7."],
    "EXPONENTIAL": ["1e5"],
    "HEXADECIMAL": ["0xff"],
}


VERILOG_WORDS = {
    "ID": ["a", "b", "c", "m", "x1"],
    "SYSTEM_ID": ["$display", "$time"],
    "UNSIGNED": ["1", "0", "12"],
    "REAL": ["1.5"],
    "BASED": ["4'b01xz", "8'hFF", "'d3"],
    "STRING": ['"s"'],
    "_DIRECTIVE": ["`timescale 1ns / 1ps\n", "`default_nettype none\n"],
    "_LINE_DIRECTIVE": ["\n`celldefine\n", "\n`resetall\n"],
    "_INCLUDE": ['`include "a"\n'],
    "_IF": ["`ifdef a", "`ifndef b"],
    "_ELSIF": ["`elsif c"],
    "_ELSE": ["`else"],
    "_ENDIF": ["`endif"],
    "_PARALLEL": ["=>", "+ =>"],
    "_FULL": ["*>", "-*>"],
}


@pytest.mark.parametrize("text", [line + "\n" for line in python_texts.LINES] + python_texts.TEXTS)
def test_python_texts(text: str) -> None:
    assert parses("python", text) == is_python(text)


@pytest.mark.parametrize("text", python_texts.LEFT_OUT)
def test_what_is_left_out_of_python(text: str) -> None:
    assert (is_python(text), parses("python", text)) == (True, False)


@pytest.mark.parametrize("text", sql_texts.TEXTS)
def test_sql_texts(text: str) -> None:
    assert parses("sql", text) == is_sql(text)


def test_added_columns() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("create table t (b)")
        for text in (f"alter table t add {added}" for added in sql_texts.ADDED):
            try:
                connection.execute(f"explain {text}")
            except sqlite3.OperationalError:
                assert not parses("sql", text), text
            else:
                assert parses("sql", text), text


@pytest.mark.parametrize("text", GRAPHQL_TEXTS)
def test_graphql_texts(text: str) -> None:
    assert parses("graphql", text) == is_graphql(text)


@pytest.mark.parametrize("text", verilog_texts.TEXTS + verilog_texts.WRONG)
def test_verilog_texts(text: str) -> None:
    assert parses("verilog", text) == is_verilog(text)


@pytest.mark.parametrize("turns", [20, pytest.param(1000, marks=pytest.mark.slow)])
def test_derived_verilog_parses(turns: int) -> None:
    derive, chance = Deriver("verilog", VERILOG_WORDS), random.Random(turns)
    texts = [" ".join(derive.words(chance, chance.choice([20, 60, 120]))) for _ in range(turns)]
    assert [text for text in texts if not is_verilog(text)] == []
    assert all(parses("verilog", text) for text in texts)


@pytest.mark.parametrize("turns", [150, pytest.param(5000, marks=pytest.mark.slow)])
def test_derived_sql_prepares(turns: int) -> None:
    derive, chance = Deriver("sql", SQL_WORDS), random.Random(turns)
    texts = [" ".join(derive.words(chance, chance.choice([10, 30, 60]))) for _ in range(turns)]
    assert {text: error for text in texts if (error := sql_error(text))} == {}
    assert all(parses("sql", text) for text in texts[:150])


def test_graphql_has_no_type_system() -> None:
    graphql = pytest.importorskip("graphql")
    graphql.parse("type A { b: C }")
    assert not parses("graphql", "type A { b: C }")
