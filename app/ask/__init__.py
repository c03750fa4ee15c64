"""Answers that language models help with, for services that want each one once, within a budget, or not at all.

A source is known by its hash. What is known is told again; a short source goes to a cheap model, a longer one to a
strong one, and where a provider fails the other is asked. Who asks pays at most so much a day, and no hash is asked
about twice at once.
"""
