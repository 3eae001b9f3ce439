from __future__ import annotations

# Teaches models the Meta option "triggers" even where pgtrigger is missing from INSTALLED_APPS: a check says so then.
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
                "(presence_events.E003) PGTRIGGER_MODEL_META = False takes the triggers from the models, and with them "
                "all that the presence log stands on: remove it from the settings."
            )
        super().import_models()

    def ready(self) -> None:
        from presence_events import checks as own
        from presence_events import test_databases

        checks.register(own.check_configuration)
        checks.register(own.database_check("presence_events"), checks.Tags.database)
        test_databases.remember_configuration()
        connection_created.connect(test_databases.mark, dispatch_uid="presence_events.test_databases")
