"""How `Auto` chooses what to draft: sources that are looked up, beliefs about them, and an account of what it cost.

`sources` name tokens, `beliefs` say how often such guesses come true, `foresight` keeps both for one text, `growing`
makes the draft that is worth most at the costs of this machine, `helpers` are models that draft, `choosing` decides
step by step and explains itself, `account` keeps losses within their bound, `cautious` does so for any other drafter.
"""
