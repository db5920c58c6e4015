"""`guidedgen evaluate masks`: any mask engine over folders of schemas with valid and invalid instances.

Terms. An *engine* compiles schemas for one tokenizer; a *matcher* is a position in the text of one compiled schema.
A *use* of a schema reads all its instances token by token: the first right after compiling, the second on the same
compiled schema. *TTFM* is the time to the first mask (compile, then fill one), *TBM* the time between masks (commit a
token, then fill the next mask). A *probe* commits a token in or out of the mask; a *walk* samples a text under masks.

Every schema runs in a process (`worker`) that a `runner` watches; `results` are JSON lines; `figures` and `blame`
condense them, `tables`, `plots` and `page` show them. Only `engines` knows engines, only `validators` validators.
"""
