"""Readers of tokenizer files and objects: the one place that knows tokenizer libraries and file formats.

Every reader returns `Parts`: the exact bytes of each token id, the named tokens, and the reasons of ids without bytes.
Libraries (`tokenizers`, `tiktoken`, `sentencepiece`) are imported inside functions, and only to encode text.
"""
