"""Kubernetes' label selectors, as data; `jumplab_operator.leasing.model.selectors` matches with them."""

from functools import cached_property
from typing import Annotated

from pydantic import Field

from jumplab.protocol.label_selectors import LONGEST_KEY, LONGEST_VALUE, MOST_REQUIREMENTS, MOST_VALUES
from jumplab_operator.resources.metadata import Model

# Each requirement is looked at for every object, and no label could have a longer key or value.
Key = Annotated[str, Field(max_length=LONGEST_KEY)]
Value = Annotated[str, Field(max_length=LONGEST_VALUE)]


class Requirement(Model):
    """One requirement: a label's key, an operator and its values."""

    key: Key = Field(description="Key of the label.")
    operator: str = Field(max_length=63, description="In, NotIn, Exists or DoesNotExist.")
    values: list[Value] = Field(
        default_factory=list,
        max_length=MOST_VALUES,
        description="Values: at least one for In and NotIn, none for Exists and DoesNotExist.",
    )

    @cached_property
    def value_set(self) -> frozenset[str]:
        """The values, to look one up."""
        return frozenset(self.values)


class LabelSelector(Model):
    """A label selector: all its requirements must hold. An empty one matches everything."""

    match_labels: dict[Key, Value] = Field(
        default_factory=dict, max_length=MOST_REQUIREMENTS, description="Labels with their required values."
    )
    match_expressions: list[Requirement] = Field(
        default_factory=list, max_length=MOST_REQUIREMENTS, description="Further requirements."
    )
