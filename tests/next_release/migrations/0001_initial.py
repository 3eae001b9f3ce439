from importlib import import_module

Migration = import_module("projections.migrations.0001_initial").Migration
