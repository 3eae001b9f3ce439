"""Folds the log again: to compare and repair the projections, to show earlier states, and to answer what-if questions.

`repair` compares the projections with the log and repairs them. `state` folds the log up to an earlier position or
moment. `what_if` applies another maximal age to the log. `resend` sends the signals of events again.
"""
