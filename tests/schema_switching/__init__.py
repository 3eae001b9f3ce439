"""A database backend that switches schemas, as that of django-tenants does."""
