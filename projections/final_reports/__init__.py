"""Final reports: the attendance of a scheduled span, made once when the span is over, and kept.

`records` has the models. `scheduling` schedules a report, `making` makes and announces it, `annotating` corrects it,
and `erasing` erases a person from it.
"""
