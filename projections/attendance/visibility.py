"""Who may see whose attendance.

An operator needs the permission ``projections.view_attendance``. ``CHANNELS_PRESENCE_ATTENDANCE_VISIBLE`` can narrow
what such an operator sees, room by room. Everyone may see their own attendance.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils.module_loading import import_string

from presence_events import validation
from projections import conf
from projections.attendance.expected import keys_of
from projections.attendance.sheets import Sheet

__all__ = ["PERMISSION", "visible_part", "visible_users"]

PERMISSION = "projections.view_attendance"


def visible_users(viewer: Any, room: str) -> frozenset[str] | None:
    """Returns the keys, as text, of the users whose attendance in ``room`` the user ``viewer`` may see. None means all.

    Without the permission it is the viewer alone. With it, it is what the function of the setting returns: True for
    everyone, False for no one else, or users or their keys. The viewer is always among them.
    """
    own = validation.saved_user_key(viewer)
    themselves = frozenset[str]() if own is None else frozenset({str(own)})
    if not viewer.has_perm(PERMISSION):
        return themselves
    path = conf.attendance_visible()
    visible: bool | Iterable[Any] = True if path is None else import_string(path)(viewer, room)
    if isinstance(visible, bool):
        return None if visible else themselves
    return themselves | {str(key) for key in keys_of(visible, room)}


def visible_part(sheet: Sheet, viewer: Any) -> Sheet:
    """Returns the rows of ``sheet`` that ``viewer`` may see. Anonymous connections are shown to those who see all."""
    users = visible_users(viewer, sheet.room)
    return sheet if users is None else sheet.only(users)
