"""Honest conditioning: texts as the model writes them *given* that they satisfy the constraint.

A mask alone does something else: it renormalises token by token, and so follows the model into prefixes that it likes
but whose valid endings it thinks unlikely.
"""

from guidedgen.decoders.conditioning.strategy import ALIGNMENTS, Conditioned

__all__ = ["ALIGNMENTS", "Conditioned"]
