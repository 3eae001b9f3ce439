"""`manage.py run_projector` as a separate process, with a receiver that does nothing."""
