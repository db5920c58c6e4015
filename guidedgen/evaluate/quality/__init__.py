"""`guidedgen evaluate decoding --quality`: what methods do to the texts, beside what they do to their speed.

Terms. A *method* is a strategy with sampling options at their published settings. It goes through *parts*: the
structured tasks of `evaluate.tasks`, whose answers can be right or wrong, and `open` continuations of literature, which
have a human text to stand beside. Figures come with bootstrap intervals over prompts. A *claim* is what a method's
source says of it, in terms of one figure and another method: the figures show it, show the contrary, or neither.

`passages` and `answers` are texts, `scoring` says what is right, `metrics` are figures of texts, `methods` the methods,
`runner` runs them, `records` are lines of results, `figures` condenses them, `report` shows them.
"""
