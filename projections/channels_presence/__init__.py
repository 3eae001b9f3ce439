"""The successor of the app ``channels_presence`` in a project that migrates from django-channels-presence."""
