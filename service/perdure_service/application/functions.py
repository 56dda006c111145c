"""Functions: created by an API call, or by the workers that serve them."""

from __future__ import annotations

import asyncio
import hashlib
import io
import re
import uuid
import zipfile
from dataclasses import dataclass, replace

from perdure_service.application.dead_letters import DeadLetterTargets
from perdure_service.application.function_requests import (
    NewFunction,
    PublishRequest,
    ServedFunction,
    durable_config,
    push_target,
    require_same_kind,
)
from perdure_service.application.resolve import ResolvedFunction, ResolveFunction
from perdure_service.domain.errors import (
    InvalidParameterValue,
    PreconditionFailed,
    RequestTooLarge,
    ResourceConflict,
    ResourceNotFound,
)
from perdure_service.domain.functions import (
    DurableConfig,
    FunctionVersion,
    PackageType,
    check_function_name,
    is_alias,
)
from perdure_service.domain.ids import LATEST, FunctionVersionId
from perdure_service.domain.limits import MEBIBYTE
from perdure_service.ports.clock import Clock
from perdure_service.ports.functions import FunctionCatalogue

MAX_CODE_BYTES = 64 * MEBIBYTE

_SHA256 = re.compile(r"[0-9a-f]{64}")
_HASHED_IN_THE_LOOP_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class ManageFunctions:
    """All methods take a function as a name, a partial ARN or an ARN, and raise
    InvalidParameterValue for anything else, ResourceNotFound for one that does not exist."""

    catalogue: FunctionCatalogue
    clock: Clock
    account: str
    region: str
    dead_letters: DeadLetterTargets

    async def create(self, new: NewFunction) -> FunctionVersion:
        """Add a push target. Raises ResourceConflict if the name is taken."""
        name = check_function_name(self._name(new.name))
        await self._require_free(name)
        created = await self.catalogue.create(
            self._version(
                name=name,
                durable=durable_config(new.durable),
                timeout_seconds=new.timeout_seconds,
                memory_mb=new.memory_mb,
                package_type=new.package_type,
                image_uri=push_target(new),
                description=new.description,
                dead_letter_target=self.dead_letters.checked(new.dead_letter_target),
            )
        )
        return await self.catalogue.publish(name, None) if new.publish else created

    async def serve(self, served: ServedFunction) -> FunctionVersion:
        """Make $LATEST what a worker serves; writes only what is new. Raises ResourceConflict if
        a function of that name is of the other kind."""
        name = check_function_name(served.name)
        try:
            latest = await self.catalogue.resolve(name, None)
        except ResourceNotFound:
            try:
                return await self.catalogue.create(self._served(name, served))
            except ResourceConflict:
                latest = await self.catalogue.resolve(name, None)
        require_same_kind(latest, served)
        wanted = replace(
            latest,
            durable=served.durable,
            timeout_seconds=served.timeout_seconds,
            memory_mb=served.memory_mb,
            runtime=served.runtime,
            handler=served.handler,
            code_sha256=served.code_sha256,
            dead_letter_target=self.dead_letters.checked(served.dead_letter_target),
        )
        if wanted == latest:
            return latest
        return await self.catalogue.update_latest(
            replace(wanted, revision_id=_new_id(), created_at=self.clock.now())
        )

    async def get(self, function: str, qualifier: str | None = None) -> ResolvedFunction:
        """The version behind a qualifier, $LATEST if there is none."""
        address = self._addresses.parse(function, qualifier)
        number = address.qualifier
        if number is not None and is_alias(number):
            number = (await self.catalogue.alias(address.name, number)).version
        version = await self.catalogue.resolve(address.name, number)
        return ResolvedFunction(version, address.qualifier)

    async def list_functions(self, *, after: str, limit: int) -> list[FunctionVersion]:
        """$LATEST of the functions whose name sorts after `after`."""
        return await self.catalogue.list_latest(after=after, limit=limit)

    async def list_versions(self, function: str) -> list[FunctionVersion]:
        """$LATEST first, then the published ones, oldest first."""
        return await self.catalogue.list_versions(self._name(function))

    async def publish(self, request: PublishRequest) -> FunctionVersion:
        """Freeze $LATEST under the next number. Raises PreconditionFailed if it is not the
        revision that the caller expects."""
        name = self._name(request.function)
        latest = await self.catalogue.resolve(name, None)
        if request.revision_id not in (None, latest.revision_id):
            raise PreconditionFailed(
                "The Revision Id provided does not match the latest Revision Id. Call the "
                "GetFunction API to retrieve the latest Revision Id"
            )
        if request.code_sha256 not in (None, latest.code_sha256):
            raise InvalidParameterValue(
                f"The CodeSha256 given is not that of {LATEST} of function '{name}': "
                "read it with GetFunction."
            )
        if latest.package_type is PackageType.ZIP:
            await self._require_stored_code(latest)
        return await self.catalogue.publish(name, request.description)

    async def is_code_missing(self, version: FunctionVersion) -> bool:
        """True if the version names code that nobody has uploaded yet."""
        sha256 = version.code_sha256
        return sha256 is not None and not await self.catalogue.has_code(sha256)

    async def put_code(self, sha256: str, archive: bytes) -> None:
        """Store a zip under its hash (hex). Raises RequestTooLarge, or InvalidParameterValue if it
        is no zip or has another hash."""
        _check_sha256(sha256)
        if len(archive) > MAX_CODE_BYTES:
            raise RequestTooLarge(f"The code is larger than {MAX_CODE_BYTES} bytes.")
        if len(archive) > _HASHED_IN_THE_LOOP_BYTES:
            await asyncio.to_thread(_check_archive, sha256, archive)
        else:
            _check_archive(sha256, archive)
        await self.catalogue.put_code(sha256, archive)

    async def get_code(self, sha256: str) -> bytes:
        """The zip with that hash (hex). Raises ResourceNotFound."""
        _check_sha256(sha256)
        return await self.catalogue.get_code(sha256)

    @property
    def _addresses(self) -> ResolveFunction:
        return ResolveFunction(self.catalogue, self.account, self.region)

    def _name(self, function: str) -> str:
        return self._addresses.parse(function).name

    async def _require_free(self, name: str) -> None:
        try:
            await self.catalogue.resolve(name, None)
        except ResourceNotFound:
            return
        raise ResourceConflict(f"Function already exist: {name}")

    async def _require_stored_code(self, latest: FunctionVersion) -> None:
        if latest.code_sha256 is None:
            raise InvalidParameterValue(
                f"No copy of the code of function '{latest.function_name}' can be kept, so it "
                f"cannot be published: its folder is larger than {MAX_CODE_BYTES // MEBIBYTE} MiB "
                "when zipped."
            )
        if not await self.catalogue.has_code(latest.code_sha256):
            raise ResourceConflict(
                f"The worker that serves function '{latest.function_name}' has not uploaded its "
                "code yet: try again when it has, or see the worker's log."
            )

    def _served(self, name: str, served: ServedFunction) -> FunctionVersion:
        return self._version(
            name=name,
            durable=served.durable,
            timeout_seconds=served.timeout_seconds,
            memory_mb=served.memory_mb,
            package_type=PackageType.ZIP,
            runtime=served.runtime,
            handler=served.handler,
            code_sha256=served.code_sha256,
            dead_letter_target=self.dead_letters.checked(served.dead_letter_target),
        )

    def _version(
        self,
        *,
        name: str,
        durable: DurableConfig | None,
        timeout_seconds: int,
        memory_mb: int,
        package_type: PackageType,
        runtime: str | None = None,
        handler: str | None = None,
        code_sha256: str | None = None,
        image_uri: str | None = None,
        description: str = "",
        dead_letter_target: str | None = None,
    ) -> FunctionVersion:
        return FunctionVersion(
            id=FunctionVersionId(_new_id()),
            account=self.account,
            region=self.region,
            function_name=name,
            version=LATEST,
            durable=durable,
            timeout_seconds=timeout_seconds,
            memory_mb=memory_mb,
            package_type=package_type,
            runtime=runtime,
            handler=handler,
            code_sha256=code_sha256,
            image_uri=image_uri,
            description=description,
            revision_id=_new_id(),
            created_at=self.clock.now(),
            dead_letter_target=dead_letter_target,
        )


def _check_sha256(sha256: str) -> None:
    if _SHA256.fullmatch(sha256) is None:
        raise InvalidParameterValue(
            f"'{sha256[:100]}' is not a SHA-256: give 64 lower-case hexadecimal digits."
        )


def _check_archive(sha256: str, archive: bytes) -> None:
    if hashlib.sha256(archive).hexdigest() != sha256:
        raise InvalidParameterValue(
            f"The body's SHA-256 is not {sha256}: upload the very bytes that were hashed."
        )
    if not zipfile.is_zipfile(io.BytesIO(archive)):
        raise InvalidParameterValue("The body is not a zip archive.")


def _new_id() -> str:
    return str(uuid.uuid4())
