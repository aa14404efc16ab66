"""What all sections of params.yaml share."""

import dataclasses
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, lt=1)]
Share = Annotated[float, Field(gt=0, lt=1)]
KEY = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"
Key = Annotated[str, Field(pattern=KEY)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Count = Annotated[int, Field(ge=1)]
Limit = Count | Annotated[float, Field(gt=0, le=1)]
Plain = TypeVar("Plain")


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    def to(self, kind: type[Plain]) -> Plain:
        """The dataclass `kind`, whose fields are keys of this section."""
        return kind(**{f.name: getattr(self, f.name) for f in dataclasses.fields(kind)})  # type: ignore[arg-type]
