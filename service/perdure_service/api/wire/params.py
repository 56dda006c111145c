"""Path and query parameters that several FastAPI routes share."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query
from pydantic import AfterValidator, BeforeValidator

from perdure_service.api.paths import decode
from perdure_service.api.wire.aliases import AliasName
from perdure_service.api.wire.text import CallbackId, FunctionReference, Qualifier, StorableText

DEFAULT_ITEMS = 100
MAX_PAGE_ITEMS = 50
"""Of functions, versions and aliases, whatever a caller asks for."""


def _decoded(segment: str) -> str:
    return decode(segment.encode("latin-1"))


ExecutionArnPath = Annotated[str, AfterValidator(_decoded), Path(alias="DurableExecutionArn")]
ExecutionIdPath = Annotated[str, AfterValidator(_decoded), Path(alias="ExecutionId")]
CallbackIdPath = Annotated[CallbackId, BeforeValidator(_decoded), Path(alias="CallbackId")]
FunctionNamePath = Annotated[
    FunctionReference, BeforeValidator(_decoded), Path(alias="FunctionName")
]
AliasNamePath = Annotated[AliasName, BeforeValidator(_decoded), Path(alias="Name")]
ResourcePath = Annotated[str, AfterValidator(_decoded), Path(alias="Resource")]
EventNamePath = Annotated[StorableText, BeforeValidator(_decoded), Path(alias="Event")]
WorkerIdPath = Annotated[str, AfterValidator(_decoded), Path(alias="WorkerId")]
Sha256Path = Annotated[str, AfterValidator(_decoded), Path(alias="Sha256")]

QualifierQuery = Annotated[Qualifier | None, Query(alias="Qualifier")]
MarkerQuery = Annotated[StorableText | None, Query(alias="Marker")]
MaxListItemsQuery = Annotated[int, Query(alias="MaxItems", ge=1, le=10_000)]
MaxItemsQuery = Annotated[
    int, Query(alias="MaxItems", ge=0, le=1_000, description="0 is the default, 100.")
]
ReverseOrderQuery = Annotated[bool, Query(alias="ReverseOrder")]
IncludeDataQuery = Annotated[
    bool, Query(alias="IncludeExecutionData", description="With payloads, results and errors.")
]
