"""Erases a person, and exports all that is held about one.

`erase_person` and `export_person` are what your code calls. ``docs/operations/privacy.md`` describes both.
"""

from projections.erasure.erasing import Erased, aerase_person, erase_person, erasing_person
from projections.erasure.exporting import export_person
from projections.erasure.forgetting import forget_stays
from projections.erasure.plan import Plan, plan

__all__ = ["Erased", "Plan", "aerase_person", "erase_person", "erasing_person", "export_person", "forget_stays", "plan"]
