"""Lets a model of another app have the reverse names that `Presence` has on the user model.

``user.presence_set`` and ``User.objects.filter(presence__room="lobby")`` work as with django-channels-presence. A
model called ``Presence`` in another app, as in django-channels-presence itself, has the same names by default, and
Django would refuse both. The other model then has the names, and ours are ``user.projections_presence_set`` and
``projections_presence``.
"""

from __future__ import annotations

from typing import Any

from projections.models import Presence

__all__ = ["yield_reverse_names"]


def yield_reverse_names() -> None:
    """Renames our relation if a model, or the user model itself, has one of its names. Call it when apps are ready."""
    relation: Any = Presence._meta.get_field("user").remote_field
    names = {relation.get_accessor_name(), relation.name}
    user_model = relation.model
    others = [other for other in user_model._meta.related_objects if other is not relation]
    taken = {name for other in others for name in (other.get_accessor_name(), other.name)}
    taken |= {field.name for field in (*user_model._meta.fields, *user_model._meta.many_to_many)}
    if not names & taken:
        return
    # Migrations do not see this: they have the names that the field was made with.
    relation.related_name, relation.related_query_name = "projections_presence_set", "projections_presence"
    for cached in ("name", "accessor_name", "cache_name"):
        vars(relation).pop(cached, None)
    user_model._meta._expire_cache()
    # Of two relations with one name, the user model has that of the model that was loaded last.
    for each in (*others, relation):
        if each is relation or each.get_accessor_name() in names:
            each.field.contribute_to_related_class(user_model, each)
