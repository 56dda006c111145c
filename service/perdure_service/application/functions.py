"""Functions: created, changed, published and deleted by API calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from perdure_service.application.code import ManageCode
from perdure_service.application.configure import Configure, new_durability
from perdure_service.application.function_requests import (
    Code,
    CodeChange,
    ConfigurationChange,
    ImageCode,
    NewFunction,
    PublishRequest,
)
from perdure_service.application.push_target import push_target
from perdure_service.application.randomness import random_uuid
from perdure_service.application.resolve import ResolvedFunction, ResolveFunction
from perdure_service.domain.code_archive import MAX_CODE_BYTES, CodeArchive
from perdure_service.domain.errors import (
    InvalidParameterValue,
    PreconditionFailed,
    ResourceConflict,
    ResourceNotFound,
)
from perdure_service.domain.functions import (
    FunctionVersion,
    PackageType,
    check_function_name,
    is_alias,
)
from perdure_service.domain.ids import LATEST, FunctionVersionId
from perdure_service.domain.limits import MEBIBYTE
from perdure_service.domain.tags import check_tags
from perdure_service.ports.clock import Clock
from perdure_service.ports.functions import ChangeVersion, FunctionCatalogue, FunctionStore

DEFAULT_TIMEOUT_SECONDS = 3
DEFAULT_MEMORY_MB = 128


@dataclass(frozen=True, slots=True)
class ManageFunctions:
    """All methods take a function as a name, a partial ARN or an ARN, and raise
    InvalidParameterValue for anything else, ResourceNotFound for one that does not exist."""

    catalogue: FunctionCatalogue
    store: FunctionStore
    code: ManageCode
    addresses: ResolveFunction
    configure: Configure
    clock: Clock
    on_deleted: Callable[[], None]

    async def create(self, new: NewFunction) -> FunctionVersion:
        """$LATEST of a new function, or its version 1. Raises ResourceConflict if the name is
        taken, InvalidParameterValue for what cannot be; nothing is stored then."""
        name = check_function_name(self.addresses.function_name(new.name))
        wanted = new.configuration
        version = self.configure(
            self._new(name, new.package_type, new), replace(wanted, durable=None)
        )
        version = replace(version, durable=new_durability(wanted.durable))
        tags = check_tags(new.tags)
        if new.package_type is PackageType.ZIP:
            _require_runtime(wanted)
        await self._require_free(name)
        code, with_code = await self._take(new.package_type, new.code)
        created = with_code(version)
        return await self.store.create(created, code=code, tags=tags, publish=new.publish)

    async def update_code(self, change: CodeChange) -> FunctionVersion:
        """$LATEST with other code, or the version published with it. What runs of a published
        version is not touched. Raises PreconditionFailed if $LATEST is not the expected
        revision; the code that was there stays."""
        name = self.addresses.function_name(change.function)
        latest = await self.catalogue.resolve(name, None)
        _require_revision(latest, change.revision_id)
        code, with_code = await self._take(latest.package_type, change.code)

        def changed(latest: FunctionVersion) -> FunctionVersion:
            _require_revision(latest, change.revision_id)
            return replace(
                with_code(latest), architecture=change.architecture or latest.architecture
            )

        if change.dry_run:
            return changed(latest)
        return await self.store.change_latest(name, changed, code=code, publish=change.publish)

    async def update_configuration(
        self, function: str, change: ConfigurationChange, revision_id: str | None
    ) -> FunctionVersion:
        """$LATEST with what `change` sets. Raises PreconditionFailed if it is not the expected
        revision, InvalidParameterValue for what cannot be."""

        def changed(latest: FunctionVersion) -> FunctionVersion:
            _require_revision(latest, revision_id)
            return self.configure(latest, change)

        return await self.store.change_latest(self.addresses.function_name(function), changed)

    async def publish(self, request: PublishRequest) -> FunctionVersion:
        """Freeze $LATEST under the next number. Raises PreconditionFailed if it is not the
        revision that the caller expects."""

        def checked(latest: FunctionVersion, code_is_stored: bool) -> str | None:
            _require_revision(latest, request.revision_id)
            if request.code_sha256 not in (None, latest.code_sha256):
                raise InvalidParameterValue(
                    f"The CodeSha256 given is not that of {LATEST} of function "
                    f"'{latest.function_name}': read it with GetFunction."
                )
            _require_code(latest, code_is_stored)
            return request.description

        return await self.store.publish(self.addresses.function_name(request.function), checked)

    async def delete(self, function: str, qualifier: str | None) -> None:
        """The whole function, or one published version. Executions that are open fail soon after;
        closed ones can be read as long as their retention lasts. Raises ResourceConflict if an
        alias points at the version."""
        address = self.addresses.parse(function, qualifier)
        if address.qualifier is None:
            await self.store.delete(address.name)
            self.on_deleted()
        elif is_alias(address.qualifier):
            raise InvalidParameterValue(
                "Deletion of functions by alias is not currently supported."
            )
        elif address.qualifier == LATEST:
            raise InvalidParameterValue(
                "$LATEST version cannot be deleted without deleting the function."
            )
        else:
            await self.store.delete_version(address.name, address.qualifier)
            self.on_deleted()

    async def get(self, function: str, qualifier: str | None = None) -> ResolvedFunction:
        """The version behind a qualifier, $LATEST if there is none; of an alias its main one."""
        address = self.addresses.parse(function, qualifier)
        number = address.qualifier
        if number is not None and is_alias(number):
            number = (await self.catalogue.alias(address.name, number)).version
        version = await self.catalogue.resolve(address.name, number)
        return ResolvedFunction(version, address.qualifier)

    async def list_functions(self, *, after: str, limit: int) -> list[FunctionVersion]:
        """$LATEST of the functions whose name sorts after `after`."""
        return await self.store.list_latest(after=after, limit=limit)

    async def list_versions(self, function: str) -> list[FunctionVersion]:
        """$LATEST first, then the published ones, oldest first."""
        return await self.store.list_versions(self.addresses.parse(function).name)

    async def _require_free(self, name: str) -> None:
        try:
            await self.catalogue.resolve(name, None)
        except ResourceNotFound:
            return
        raise ResourceConflict(f"Function already exist: {name}")

    async def _take(
        self, package_type: PackageType, code: Code | None
    ) -> tuple[CodeArchive | None, ChangeVersion]:
        """What to store, and how a version with that code looks."""
        if package_type is PackageType.IMAGE:
            if not isinstance(code, ImageCode):
                raise InvalidParameterValue(
                    "Please provide ImageUri for a function with packageType Image: the address at "
                    "which the container runs, as http://host:port."
                )
            uri = push_target(code.uri)
            return None, lambda version: replace(version, image_uri=uri)
        if code is None or isinstance(code, ImageCode):
            raise InvalidParameterValue(
                "Please provide a source for function code: ZipFile, or S3Bucket and S3Key. "
                "Without an upload, `perdure worker NAME=path/to/file.py` serves it from a folder; "
                "a container that runs is PackageType=Image with ImageUri=http://host:port."
            )
        archive = await self.code.take(code)
        return archive, lambda version: replace(
            version,
            code_sha256=archive.sha256,
            code_bytes=len(archive.content),
            deployed=True,
        )

    def _new(self, name: str, package_type: PackageType, new: NewFunction) -> FunctionVersion:
        version = new_version(self.addresses, self.clock, name, package_type)
        return replace(version, architecture=new.architecture or version.architecture)


def new_version(
    addresses: ResolveFunction, clock: Clock, name: str, package_type: PackageType
) -> FunctionVersion:
    """$LATEST of a function to be, with Lambda's defaults."""
    return FunctionVersion(
        id=FunctionVersionId(random_uuid()),
        account=addresses.account,
        region=addresses.region,
        function_name=name,
        version=LATEST,
        durable=None,
        timeout_seconds=DEFAULT_TIMEOUT_SECONDS,
        memory_mb=DEFAULT_MEMORY_MB,
        package_type=package_type,
        runtime=None,
        handler=None,
        code_sha256=None,
        image_uri=None,
        description="",
        revision_id=random_uuid(),
        created_at=clock.now(),
    )


def _require_runtime(configuration: ConfigurationChange) -> None:
    missing = [
        name
        for name, value in (
            ("Runtime", configuration.runtime),
            ("Handler", configuration.handler),
        )
        if not value
    ]
    if missing:
        raise InvalidParameterValue(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} mandatory for "
            "functions created with deployment packages."
        )


def _require_revision(latest: FunctionVersion, expected: str | None) -> None:
    if expected not in (None, latest.revision_id):
        raise PreconditionFailed(
            "The Revision Id provided does not match the latest Revision Id. Call the "
            "GetFunction/GetAlias API to retrieve the latest Revision Id"
        )


def _require_code(latest: FunctionVersion, is_stored: bool) -> None:
    if latest.package_type is PackageType.IMAGE or is_stored:
        return
    if latest.code_sha256 is None:
        raise InvalidParameterValue(
            f"No copy of the code of function '{latest.function_name}' can be kept, so it "
            f"cannot be published: its folder is larger than {MAX_CODE_BYTES // MEBIBYTE} MiB "
            "when zipped."
        )
    raise ResourceConflict(
        f"The worker that serves function '{latest.function_name}' has not uploaded its "
        "code yet: try again when it has, or see the worker's log."
    )
