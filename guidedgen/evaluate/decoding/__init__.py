"""`guidedgen evaluate decoding`: strategies side by side on structured tasks, beside the transformers library's own.

Terms. A *way* is a number format and a strategy of guidedgen, or a peer. A *cell* is a prompt of a task under one
constraint: all ways are run on it in turn, so that their figures belong to the same minutes of a shared machine. Each
run starts with nothing cached and a constraint compiled anew. The *first step* reads the prompt and gives the first
token; what comes after it is *decoding*, which is what rates are about. *Forced* tokens, of which there was only one to
choose, and drafts are counted apart. The *modelled* rate takes each forward to cost what the table of costs says of its
rows, and all else nothing.

`runner` runs ways over cells, `own` and `peers` are the ways, `records` the lines of results, `figures` condenses them,
`report` shows them.
"""
