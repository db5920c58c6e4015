"""`guidedgen evaluate decoding --quality`: what methods do to the texts, beside what they do to their speed.

Terms. A *method* is a strategy with sampling options at their published settings. It goes through *parts*: the
structured tasks of `evaluate.tasks`, whose answers can be right or wrong, `open` continuations of literature, which
have a human text to stand beside, and tasks without a form: questions, reviews and requests. Figures come with
bootstrap intervals over prompts. A *claim* is what a method's source says of it, in terms of one figure and another
method: the figures reproduce it, contradict it, or leave it open.

`passages`, `answers` and `asked` are texts, `scoring` says what is right, `metrics` are figures of texts, `methods` the
methods (`varied` with other settings, `not_run` those without figures), `runner` runs them, `records` are lines of
results, `figures` condenses them, `report` shows them.
"""
