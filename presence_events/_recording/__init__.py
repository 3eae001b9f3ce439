"""How events enter the log. `presence_events.recorder` is the public door to it."""
