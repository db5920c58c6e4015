"""`guidedgen check`: what of a schema or grammar is enforced, and how texts are read by it. Needs no model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from guidedgen.errors import CompileError
from guidedgen.model_options import AsJson
from guidedgen.terminal import BAD_INPUT, fail, logs, reported

if TYPE_CHECKING:
    from guidedgen.checking import Checked

EXAMPLE = 'Example: guidedgen check ticket.json --tokenizer tokenizer.json --text \'{"title": "x"}\''

SpecFile = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, help="A .json schema, or a .lark, .gbnf or .ebnf grammar.")
]
TokenizerFile = Annotated[Path | None, typer.Option(exists=True, help="tokenizer.json, tekken.json, ...")]
Text = Annotated[str | None, typer.Option(help="A text to test; the exit code is 1 if it is not valid.")]
TextFile = Annotated[
    Path | None, typer.Option(exists=True, dir_okay=False, help="Like --text, with the text of a file.")
]
Explained = Annotated[str | None, typer.Option(help="Like --text; tells how the text is read and where it stops.")]
Picture = Annotated[Path | None, typer.Option(help="Draw the grammar's rules into an SVG file.")]
TreePicture = Annotated[Path | None, typer.Option(help="Draw how the text is read into an SVG file.")]
FullReport = Annotated[bool, typer.Option("--report", help="Every keyword, how it is enforced, and notes.")]
Parser = Annotated[str | None, typer.Option(help="For .lark: earley or lalr.")]
Lexer = Annotated[str | None, typer.Option(help="For .lark: dynamic, basic, contextual, ...")]


@reported
def check(
    file: SpecFile,
    tokenizer: TokenizerFile = None,
    text: Text = None,
    text_file: TextFile = None,
    explain: Explained = None,
    picture: Picture = None,
    tree: TreePicture = None,
    report: FullReport = False,
    parser: Parser = None,
    lexer: Lexer = None,
    as_json: AsJson = False,
) -> None:
    """Compile a schema or grammar without a model: what is enforced, sizes, warnings, errors with their line."""
    from guidedgen import check_output, pictures  # late: `guidedgen --help` needs no compiler

    tested = _one_text(text, text_file, explain)
    if tree is not None and tested is None:
        raise typer.BadParameter("--tree draws a text: give --text or --text-file")
    lark = {name: value for name, value in (("parser", parser), ("lexer", lexer)) if value is not None}
    checked = _checked(file, lark, tokenizer, tested, explained=explain is not None)
    if as_json:
        check_output.print_json(checked)
    else:
        check_output.print_checked(file, checked, full=report)
    valid = checked.verdict is None or checked.verdict.accepted
    if picture is not None:
        _write(picture, pictures.railroad(checked.spec))
    if tree is not None and tested is not None and valid:
        _write(tree, pictures.tree(checked.spec, tested))
    if not valid:
        raise typer.Exit(BAD_INPUT)


def _one_text(text: str | None, text_file: Path | None, explain: str | None) -> str | None:
    """The text that one of the options gives; a file's with its own line ends."""
    given = [one for one in (text, text_file, explain) if one is not None]
    if len(given) > 1:
        raise typer.BadParameter("give only one of --text, --text-file and --explain")
    if text_file is not None:
        return text_file.read_bytes().decode("utf-8")
    return explain if text is None else text


def _checked(file: Path, lark: dict[str, str], tokenizer: Path | None, text: str | None, *, explained: bool) -> Checked:
    """The file compiled and the text read; an error in the file ends the program with its lines."""
    from guidedgen import checking
    from guidedgen.testing import byte_vocabulary
    from guidedgen.vocabulary import Vocabulary

    vocabulary = byte_vocabulary() if tokenizer is None else Vocabulary.from_file(tokenizer)
    spec = checking.read_spec(file, lark=lark)
    try:
        return checking.check_spec(spec, vocabulary, text, explained=explained)
    except CompileError as error:
        fail(checking.show_error(file, error), BAD_INPUT)


def _write(path: Path, svg: str) -> None:
    path.write_text(svg, encoding="utf-8")
    logs.print(f"drawn: {path}", highlight=False, soft_wrap=True)
