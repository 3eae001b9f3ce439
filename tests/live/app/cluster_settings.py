"""The settings of the live tests with rooms on several clusters. PRESENCE_CLUSTERS has the URLs of the others."""

from __future__ import annotations

import os

from tests import postgres
from tests.live.app.settings import *  # noqa: F403
from tests.live.app.settings import DATABASES

for _number, _url in enumerate(os.environ["PRESENCE_CLUSTERS"].split(), start=1):
    # A connection that is kept does not survive the cluster. Without the check, the consumer that uses it next ends.
    DATABASES[f"cluster-{_number}"] = {**postgres.settings(_url), "CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True}

CHANNELS_PRESENCE_DATABASE = "tests.live.app.spreading.database_of_room"
CHANNELS_PRESENCE_RECORD_TIMEOUT = 60
DATABASE_ROUTERS = ["tests.clusters.PresenceRouter"]
