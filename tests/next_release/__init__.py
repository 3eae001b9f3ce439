"""An app that stands for the projections of a later release: use its migrations in MIGRATION_MODULES."""
