"""The base of all models and the proxy that `appliance.db` binds to a real database."""

from peewee import DatabaseProxy, Model

database = DatabaseProxy()


class Table(Model):  # type: ignore[misc]  # peewee is untyped
    """Tables are named in the singular, like the nouns of the design."""

    class Meta:
        database = database
        legacy_table_names = False
