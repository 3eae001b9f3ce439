from __future__ import annotations

from copy import copy
from typing import Any

from django.apps import AppConfig, apps
from django.contrib.auth import get_user_model
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db.models.signals import pre_delete
from django.utils.translation import gettext_lazy as _


class ProjectionsConfig(AppConfig):
    name = "projections"
    verbose_name = _("Presence")
    default_auto_field = "django.db.models.BigAutoField"

    def import_models(self) -> None:
        if not apps.is_installed("presence_events"):
            raise ImproperlyConfigured(
                "(projections.E001) 'projections' is derived from the log of 'presence_events'. Add 'pgtrigger' and "
                "'presence_events' to INSTALLED_APPS, before 'projections'."
            )
        super().import_models()

    def ready(self) -> None:
        from presence_events.checks import database_check
        from presence_events.signals import arows_committed, events_committed
        from projections import checks as own
        from projections import conf, tenancy
        from projections._delivery import dispatch
        from projections.reverse_names import yield_reverse_names
        from projections.schema_editor import extend_schema_editors

        yield_reverse_names()
        extend_schema_editors()
        checks.register(own.check_configuration)
        checks.register(own.check_foreign_keys)
        checks.register(tenancy.check_schemas)
        checks.register(tenancy.check_row_level_security, checks.Tags.database)
        checks.register(own.check_tables, checks.Tags.database)
        checks.register(own.check_functions, checks.Tags.database)
        checks.register(database_check("projections"), checks.Tags.database)
        events_committed.connect(dispatch.deliver, dispatch_uid="projections._delivery.dispatch")
        arows_committed.connect(dispatch.adeliver, dispatch_uid="projections._delivery.dispatch")
        if conf.prune_in_server():
            from projections._worker import in_server

            in_server.connect()
        # Without a sender, the receiver would disable Django's fast deletion for every model of the project.
        user_model = get_user_model()
        for model in apps.get_models():
            if issubclass(model, user_model):
                pre_delete.connect(_leave_every_room, sender=model, dispatch_uid="projections.user_deleted")


class RoomsConfig(ProjectionsConfig):
    """The name of the app's configuration in django-channels-presence."""

    default = False


def _leave_every_room(sender: Any, instance: Any, **kwargs: Any) -> None:
    from presence_events.databases import write_alias
    from presence_events.databases.rooms import chosen_by_room
    from projections.models import Presence

    alias = None if chosen_by_room() else write_alias(instance=instance)
    # A copy, because deletion removes the key from the instance before the signals are sent.
    Presence.objects.db_manager(alias).leave_user(copy(instance), reason="user deleted")
