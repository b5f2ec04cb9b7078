"""Values of which each message or connection makes some: cheap to make, and frozen by the type checker alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(cls: type[T]) -> type[T]:
    """Make a class a dataclass with slots, an equality and a hash, whose attributes nobody may set.

    So is `dataclass(frozen=True, slots=True)`, but its instances take three times as long to make: each attribute is
    set by a call. Here nothing but mypy forbids to set one later.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)
