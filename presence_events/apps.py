from __future__ import annotations

# Registers the Meta option "triggers" even if INSTALLED_APPS lacks pgtrigger, so that a check can report it.
import pgtrigger.apps  # noqa: F401
from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db.backends.signals import connection_created
from django.utils.translation import gettext_lazy as _


class PresenceEventsConfig(AppConfig):
    name = "presence_events"
    verbose_name = _("Presence log")
    default_auto_field = "django.db.models.BigAutoField"

    def import_models(self) -> None:
        if not getattr(settings, "PGTRIGGER_MODEL_META", True):
            raise ImproperlyConfigured(
                "(presence_events.E003) PGTRIGGER_MODEL_META = False removes the triggers from the models, and the "
                "presence log depends on them. Remove PGTRIGGER_MODEL_META from the settings."
            )
        super().import_models()

    def ready(self) -> None:
        from presence_events import test_databases
        from presence_events.checks import check_configuration, database_check

        checks.register(check_configuration)
        checks.register(database_check("presence_events"), checks.Tags.database)
        test_databases.remember_configured_names()
        connection_created.connect(test_databases.allow_truncate, dispatch_uid="presence_events.test_databases")
