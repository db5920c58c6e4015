"""`python -m guidedgen` is the `guidedgen` command."""

from guidedgen.cli import app

app(prog_name="guidedgen")
