"""Front ends: a regex, a list of choices, Lark text, a JSON Schema or a Python type becomes one grammar (`ir.py`).

`lower.py` flattens a grammar into the table that the kernel reads. Nothing here imports torch or transformers, and
nothing here knows about sampling.
"""
