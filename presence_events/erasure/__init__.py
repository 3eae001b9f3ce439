"""Erases a person from the log and from archives of it. `projections.erasure` is how to call it.

The events remain, with a pseudonym in place of the user, without data, and with the commitments that their seals have.
``docs/operations/privacy.md`` describes what is erased, and what cannot be reached.
"""
