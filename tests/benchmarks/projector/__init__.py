"""`manage.py run_projector` as a process of its own, with a receiver that does nothing."""
