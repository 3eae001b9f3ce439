"""The fork with an audit trail: django-pghistory tracks every insert, update and delete of its Presence."""
