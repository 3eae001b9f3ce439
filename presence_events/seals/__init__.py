"""Proof that the log was not changed: seals of its events, which can be signed and kept outside of the database.

`sealing` reads the settled part of the log and makes a seal of each range of positions, with a Merkle tree of its
events (`merkle`, `leaves`). `verifying` compares the log with its seals, and the seals with a copy.
``docs/reference/seal-format.md`` specifies the formats.
"""
