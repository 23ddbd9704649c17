"""Which columns hold what about people: Lake Formation's tag ``pii``, from the marks of the fields."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from aws_cdk import aws_lakeformation as lake

from data_access.iceberg.tables import LAYOUT
from infra.stacks.part import Part

TAG, NONE = "pii", "none"
VALUES = ("direct", "indirect", NONE)


def marked(schema: pa.Schema) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The marks of a table's columns, each with those that have it; one without a mark has ``none``."""
    found: dict[str, list[str]] = {}
    for field in schema:
        mark = (field.metadata or {}).get(b"pii", NONE.encode()).decode()
        found.setdefault(mark, []).append(field.name)
    return ((mark, tuple(names)) for mark, names in sorted(found.items()))


def tag_columns(stack: Part) -> None:
    """The tag, and every column of every table with its value. The tables have to be there."""
    others = {mark for schema, _ in LAYOUT.values() for mark, _ in marked(schema)} - set(VALUES)
    tag = lake.CfnTag(
        stack, "Tag", catalog_id=stack.names.account, tag_key=TAG, tag_values=[*VALUES, *sorted(others)]
    )
    for table, (schema, _) in LAYOUT.items():
        for mark, names in marked(schema):
            association = lake.CfnTagAssociation(
                stack,
                f"Tag-{table}-{mark}",
                lf_tags=[_pair(stack, mark)],
                resource=lake.CfnTagAssociation.ResourceProperty(
                    table_with_columns=lake.CfnTagAssociation.TableWithColumnsResourceProperty(
                        catalog_id=stack.names.account,
                        database_name=stack.names.database,
                        name=table,
                        column_names=list(names),
                    )
                ),
            )
            association.add_resource_dependency(tag)


def _pair(stack: Part, mark: str) -> lake.CfnTagAssociation.LFTagPairProperty:
    return lake.CfnTagAssociation.LFTagPairProperty(
        catalog_id=stack.names.account, tag_key=TAG, tag_values=[mark]
    )
