"""The base of all models and the proxy that `appliance.db` binds to a real database.

A sealed column comes only when it is named: `Child.select()` reads all others, `Child.select(Child)` reads it
too. So a zone whose database role may not read sealed columns need not think of it in every query.
"""

from typing import Any

from peewee import AutoField, DatabaseProxy, Model

from appliance.models.fields import SealedField

database = DatabaseProxy()


class Table(Model):  # type: ignore[misc]  # peewee is untyped
    """Tables are named in the singular, like the nouns of the design."""

    class Meta:
        database = database
        legacy_table_names = False

    @classmethod
    def select(cls, *fields: Any) -> Any:
        """peewee's; without arguments, every column that is not sealed."""
        if fields or not any(isinstance(field, SealedField) for field in cls._meta.sorted_fields):
            return super().select(*fields)
        return super().select(*cls.unsealed())

    @classmethod
    def table_name(cls) -> str:
        """As SQL knows it."""
        return str(cls._meta.table_name)

    @classmethod
    def column_names(cls, *, sealed: bool) -> list[str]:
        """As SQL knows them; with the sealed ones or without."""
        fields = cls._meta.sorted_fields if sealed else cls.unsealed()
        return [str(field.column_name) for field in fields]

    @classmethod
    def numbered(cls) -> tuple[str, ...]:
        """The column whose number the database gives, if there is one."""
        key = cls._meta.primary_key
        return (str(key.column_name),) if isinstance(key, AutoField) else ()

    @classmethod
    def unsealed(cls) -> list[Any]:
        """The columns that any zone may read, to name them in a join."""
        return [field for field in cls._meta.sorted_fields if not isinstance(field, SealedField)]
