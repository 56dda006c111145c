"""The schema. The log is `event`; `execution` holds the fence and what the log does not tell;
`timer`, `callback`, `invocation` and `notice` are derived from both, in the same statements.

No foreign keys between the hot tables: rows of one execution are only ever written by the
statement that won its row in `execution`, and are deleted together by retention. No CHECK on
`execution`, `event` and `invocation` either: Postgres reads it anew for every statement. The tests'
databases have them; see docs/adr/0028.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP, UUID

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "ix": "%(table_name)s_%(column_0_name)s_idx",
        "uq": "%(table_name)s_%(column_0_name)s_key",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "ck": "%(constraint_name)s",
    }
)


def _instant(name: str, *, nullable: bool = False) -> Column[object]:
    return Column(name, TIMESTAMP(timezone=True), nullable=nullable)


execution = Table(
    "execution",
    metadata,
    Column("part", SmallInteger, primary_key=True),
    Column("id", UUID(as_uuid=False), primary_key=True),
    # fixed at the start
    Column("account", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("function_name", Text, nullable=False),
    Column("function_version", Text, nullable=False),
    Column("qualifier", Text, nullable=False),
    Column("function_version_id", UUID(as_uuid=False), nullable=False),
    Column("name", Text, nullable=False),
    Column("durable", Boolean, nullable=False),
    Column("mode", Text, nullable=False),
    Column("parent_id", UUID(as_uuid=False)),
    Column("parent_operation_id", Text),
    Column("trace_id", Text),
    Column("tenant_id", Text),
    Column("client_context", Text),
    Column("dead_letter_target", Text),
    Column("forked_from", UUID(as_uuid=False)),
    _instant("started_at"),
    Column("timeout_seconds", Integer, nullable=False),
    Column("retention_days", Integer, nullable=False),
    # follows the log
    Column("status", Text, nullable=False),
    _instant("ended_at", nullable=True),
    _instant("purge_at", nullable=True),
    Column("last_event_id", Integer, nullable=False),
    Column("operation_count", Integer, nullable=False),
    Column("stored_bytes", BigInteger, nullable=False),
    # the fence
    Column("version", BigInteger, nullable=False),
    Column("nonce", BigInteger, nullable=False),
    # beside the log
    _instant("ticked_at"),
    Column("token_seq", Integer, nullable=False),
    Column("token_nonce", BigInteger, nullable=False),
    Column("invocation_id", UUID(as_uuid=False)),
    _instant("invocation_ready_at", nullable=True),
    Column("invocation_worker_id", UUID(as_uuid=False)),
    _instant("invocation_started_at", nullable=True),
    Column("invocation_claimed_event_id", Integer),
    Column("seen_event_id", Integer, nullable=False),
    _instant("seen_now"),
    Column("previously_seen_event_id", Integer, nullable=False),
    _instant("previously_seen_now"),
    Column("client_token", Text),
    Column("failures", JSONB),
    Column("suspended_event_id", Integer, nullable=False, server_default=text("0")),
    Column(
        "suspended_now",
        TIMESTAMP(timezone=True),
        nullable=False,
        server_default=text("to_timestamp(0)"),
    ),
    Column("invocation_retries", Integer, nullable=False, server_default=text("0")),
    _instant("invocation_held_at", nullable=True),
    Column("token_withheld", Boolean, nullable=False, server_default=text("false")),
    Column("pausing", JSONB),
    Column("requests", JSONB),
    _instant("deletion_requested_at", nullable=True),
    Index(
        "execution_function_name_idx",
        "account",
        "function_name",
        text("started_at DESC"),
        text("id DESC"),
        postgresql_where=text("durable"),
    ),
    Index(
        "execution_started_at_idx",
        text("started_at DESC"),
        text("id DESC"),
        postgresql_where=text("durable"),
    ),
    Index("execution_purge_at_idx", "purge_at", postgresql_where=text("purge_at IS NOT NULL")),
    postgresql_with={"fillfactor": "60"},
)

execution_name = Table(
    "execution_name",
    metadata,
    Column("part", SmallInteger, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("function_name", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("execution_id", UUID(as_uuid=False), nullable=False),
    Column("payload_hash", LargeBinary, nullable=False),
    _instant("expires_at", nullable=True),
    Index("execution_name_execution_id_idx", "part", "execution_id"),
)

event = Table(
    "event",
    metadata,
    Column("part", SmallInteger, primary_key=True),
    Column("execution_id", UUID(as_uuid=False), primary_key=True),
    Column("event_id", Integer, primary_key=True),
    Column("type", Text, nullable=False),
    _instant("at"),
    Column("operation_id", Text),
    Column("parent_id", Text),
    Column("name", Text),
    Column("sub_type", Text),
    Column("payload", LargeBinary),
    Column("error", LargeBinary),
    Column("detail", JSONB),
)

timer = Table(
    "timer",
    metadata,
    Column("part", SmallInteger, primary_key=True),
    Column("execution_id", UUID(as_uuid=False), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("operation_id", Text, primary_key=True),
    _instant("due_at"),
    Index("timer_due_at_idx", "due_at"),
)

callback = Table(
    "callback",
    metadata,
    Column("part", SmallInteger, primary_key=True),
    Column("execution_id", UUID(as_uuid=False), primary_key=True),
    Column("operation_id", Text, primary_key=True),
    Column("name", Text),
    _instant("opened_at"),
)

invocation = Table(
    "invocation",
    metadata,
    Column("part", SmallInteger, primary_key=True),
    Column("execution_id", UUID(as_uuid=False), primary_key=True),
    Column("function_version_id", UUID(as_uuid=False), nullable=False),
    _instant("ready_at"),
    Column("invocation_id", UUID(as_uuid=False)),
    Column("worker_id", UUID(as_uuid=False)),
    Index(
        "invocation_ready_at_idx",
        "function_version_id",
        "ready_at",
        postgresql_where=text("worker_id IS NULL"),
    ),
    Index("invocation_worker_id_idx", "worker_id", postgresql_where=text("worker_id IS NOT NULL")),
)

notice = Table(
    "notice",
    metadata,
    Column("part", SmallInteger, primary_key=True),
    Column("parent_id", UUID(as_uuid=False), primary_key=True),
    Column("operation_id", Text, primary_key=True),
    Column("child_id", UUID(as_uuid=False), nullable=False),
    _instant("created_at"),
)

dead_letter = Table(
    "dead_letter",
    metadata,
    Column("part", SmallInteger, primary_key=True),
    Column("execution_id", UUID(as_uuid=False), primary_key=True),
    Column("execution_arn", Text),
    Column("function_arn", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("event", LargeBinary, nullable=False),
    Column("status", Text, nullable=False),
    Column("error_type", LargeBinary, nullable=False),
    Column("error_message", LargeBinary, nullable=False),
    Column("request_id", Text),
    _instant("closed_at"),
    # the delivery: when to try next, or when to discard what was given up
    _instant("due_at"),
    Column("tries", Integer, nullable=False, server_default=text("0")),
    Column("last_failure", Text),
    _instant("given_up_at", nullable=True),
    Index("dead_letter_due_at_idx", "due_at"),
)

worker = Table(
    "worker",
    metadata,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    _instant("seen_at"),
    # what it said when it registered; a replica, the worker of push targets, never does
    Column("function_names", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("pools", JSONB, nullable=False, server_default=text("'{}'")),
    Column("pool_concurrency", Integer, nullable=False, server_default=text("0")),
    _instant("registered_at", nullable=True),
    _instant("left_at", nullable=True),
    CheckConstraint("jsonb_typeof(pools) = 'object'", name="pools_are_an_object"),
)

code_artifact = Table(
    "code_artifact",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("archive", LargeBinary, nullable=False),
    _instant("created_at"),
    CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="sha256_is_hex"),
)

function = Table(
    "function",
    metadata,
    Column("account", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("latest_version_id", UUID(as_uuid=False), nullable=False),
    Column("newest_number", Integer, nullable=False, server_default=text("0")),
    Column("region", Text, nullable=False),
    _instant("created_at"),
    Column("reserved_concurrency", Integer),
    Column("tags", JSONB, nullable=False, server_default=text("'{}'")),
    CheckConstraint("reserved_concurrency >= 0", name="reserved_concurrency_is_a_count"),
    Index(
        "function_reserved_concurrency_idx",
        "name",
        postgresql_where=text("reserved_concurrency IS NOT NULL"),
    ),
    CheckConstraint("jsonb_typeof(tags) = 'object'", name="tags_are_an_object"),
)

function_version = Table(
    "function_version",
    metadata,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("account", Text, nullable=False),
    Column("function_name", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("durable_timeout_seconds", Integer),
    Column("durable_retention_days", Integer),
    Column("timeout_seconds", Integer, nullable=False),
    Column("memory_mb", Integer, nullable=False),
    Column("package_type", Text, nullable=False),
    Column("runtime", Text),
    Column("handler", Text),
    Column("code_sha256", Text),
    Column("image_uri", Text),
    Column("description", Text, nullable=False),
    Column("revision_id", Text, nullable=False),
    _instant("created_at"),
    Column("dead_letter_target", Text),
    Column("environment", JSONB, nullable=False, server_default=text("'{}'")),
    Column("code_bytes", BigInteger),
    Column("deployed", Boolean, nullable=False, server_default=text("false")),
    Column("role", Text),
    Column("architecture", Text, nullable=False, server_default=text("'x86_64'")),
    Column("ephemeral_storage_mb", Integer, nullable=False, server_default=text("512")),
    Column("logging", JSONB, nullable=False, server_default=text("'{}'")),
    Column("tracing_mode", Text, nullable=False, server_default=text("'PassThrough'")),
    Column("snap_start", Text, nullable=False, server_default=text("'None'")),
    Column("declared", JSONB(none_as_null=True)),
    UniqueConstraint("account", "function_name", "version"),
    CheckConstraint(
        "(durable_timeout_seconds IS NULL) = (durable_retention_days IS NULL)",
        name="durable_config_is_whole",
    ),
    CheckConstraint("(package_type = 'Image') = (image_uri IS NOT NULL)", name="image_has_a_uri"),
    CheckConstraint("jsonb_typeof(environment) = 'object'", name="environment_is_an_object"),
    CheckConstraint(
        "NOT deployed OR (package_type = 'Zip' AND runtime IS NOT NULL AND handler IS NOT NULL"
        " AND code_sha256 IS NOT NULL AND code_bytes IS NOT NULL)",
        name="deployed_is_whole",
    ),
    Index(
        "function_version_code_sha256_idx",
        "code_sha256",
        postgresql_where=text("code_sha256 IS NOT NULL"),
    ),
)

alias = Table(
    "alias",
    metadata,
    Column("account", Text, primary_key=True),
    Column("function_name", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column(
        "function_version_id",
        UUID(as_uuid=False),
        ForeignKey("function_version.id"),
        nullable=False,
    ),
    Column("description", Text, nullable=False, server_default=text("''")),
    Column("revision_id", Text, nullable=False),
    Column("additional_version_id", UUID(as_uuid=False), ForeignKey("function_version.id")),
    Column("additional_weight", Double),
    CheckConstraint(
        "(additional_version_id IS NULL) = (additional_weight IS NULL)",
        name="additional_version_has_a_weight",
    ),
    CheckConstraint("additional_weight BETWEEN 0 AND 1", name="weight_is_a_share"),
    CheckConstraint("additional_version_id <> function_version_id", name="versions_differ"),
)

test_event = Table(
    "test_event",
    metadata,
    Column("account", Text, primary_key=True),
    Column("function_name", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("payload", LargeBinary, nullable=False),
    _instant("modified_at"),
    ForeignKeyConstraint(
        ["account", "function_name"], ["function.account", "function.name"], ondelete="CASCADE"
    ),
)

# versions that were deleted, until none of their executions is open
deleted_version = Table(
    "deleted_version",
    metadata,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("account", Text, nullable=False),
    Column("function_name", Text, nullable=False),
    _instant("deleted_at"),
)

signing_key = Table(
    "signing_key",
    metadata,
    Column("id", SmallInteger, primary_key=True),
    Column("secret", LargeBinary, nullable=False),
    _instant("created_at"),
    CheckConstraint("id BETWEEN 0 AND 255", name="key_id_is_a_byte"),
    CheckConstraint("octet_length(secret) = 32", name="secret_is_32_bytes"),
)

log_group = Table(
    "log_group",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("account", Text, nullable=False),
    Column("name", Text, nullable=False),
    _instant("created_at"),
    Column("retention_days", Integer),
    Column("stored_bytes", BigInteger, nullable=False, server_default=text("0")),
    _instant("deleted_at", nullable=True),
    CheckConstraint("retention_days > 0", name="retention_is_positive"),
    Index(
        "log_group_name_idx",
        "account",
        "name",
        unique=True,
        postgresql_where=text("deleted_at IS NULL"),
    ),
)

log_stream = Table(
    "log_stream",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("group_id", Integer, nullable=False),
    Column("name", Text, nullable=False),
    _instant("created_at"),
    _instant("first_at", nullable=True),
    _instant("last_at", nullable=True),
    _instant("ingested_at", nullable=True),
    Column("stored_bytes", BigInteger, nullable=False, server_default=text("0")),
    _instant("deleted_at", nullable=True),
    Index(
        "log_stream_name_idx",
        "group_id",
        "name",
        unique=True,
        postgresql_where=text("deleted_at IS NULL"),
    ),
    # No index on what every line changes: rows are updated in place.
    postgresql_with={"fillfactor": "70"},
)

log_line = Table(
    "log_line",
    metadata,
    Column("group_id", Integer, primary_key=True),
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("stream_id", BigInteger, nullable=False),
    _instant("at"),
    _instant("ingested_at"),
    Column("request_id", UUID(as_uuid=False)),
    Column("execution_id", UUID(as_uuid=False)),
    Column("operation_id", Text),
    Column("message", LargeBinary, nullable=False),
    Index("log_line_at_idx", "group_id", "at", "id"),
    Index("log_line_stream_id_idx", "stream_id", "at", "id"),
    Index(
        "log_line_execution_id_idx",
        "execution_id",
        "id",
        postgresql_where=text("execution_id IS NOT NULL"),
    ),
    Index(
        "log_line_request_id_idx",
        "request_id",
        "id",
        postgresql_where=text("request_id IS NOT NULL"),
    ),
    Index(
        "log_line_operation_id_idx",
        "group_id",
        "operation_id",
        "id",
        postgresql_where=text("operation_id IS NOT NULL"),
    ),
)

log_source = Table(
    "log_source",
    metadata,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("last_batch", BigInteger, nullable=False),
    _instant("seen_at"),
)
