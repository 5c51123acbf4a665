"""Kubernetes' label selectors, as data; `jumplab_operator.leasing.selectors` matches with them."""

from pydantic import Field

from jumplab_operator.resources.metadata import Model


class Requirement(Model):
    """One requirement: a label's key, an operator and its values."""

    key: str = Field(description="The label's key.")
    operator: str = Field(description="In, NotIn, Exists or DoesNotExist.")
    values: list[str] = Field(
        default_factory=list, description="For In and NotIn at least one; for the other operators none."
    )


class LabelSelector(Model):
    """Matches labels: all of what it asks for must hold. An empty one matches everything."""

    match_labels: dict[str, str] = Field(default_factory=dict, description="Labels with the values they must have.")
    match_expressions: list[Requirement] = Field(default_factory=list, description="Further requirements.")
