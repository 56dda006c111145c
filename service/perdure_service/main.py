"""The composition root: the only place that knows every part and wires them together."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from perdure_service.api.app import Readiness, build_app
from perdure_service.api.protocol import HttpProtocol
from perdure_service.api.throttle import Throttle
from perdure_service.application.aliases import ManageAliases
from perdure_service.application.checkpoint import CheckpointExecution, ReadState
from perdure_service.application.closings import Closings
from perdure_service.application.code import ManageCode
from perdure_service.application.complete_callback import CompleteCallback
from perdure_service.application.configure import Configure
from perdure_service.application.dead_letters import DeadLetterTargets, ManageDeadLetters
from perdure_service.application.delete import DeleteExecution
from perdure_service.application.end_invocation import EndInvocation
from perdure_service.application.envelope import Envelopes
from perdure_service.application.find_workers import FindWorkers
from perdure_service.application.function_logs import ReadFunctionLogs
from perdure_service.application.function_settings import FunctionSettings
from perdure_service.application.functions import ManageFunctions
from perdure_service.application.hear_child import HearChild
from perdure_service.application.invoke import Invoke
from perdure_service.application.log_events import ReadLogEvents
from perdure_service.application.log_groups import ManageLogGroups
from perdure_service.application.log_tails import LogTails
from perdure_service.application.markers import Markers
from perdure_service.application.narrate import narrate
from perdure_service.application.pause import PauseExecution, ResumeExecution
from perdure_service.application.read import ReadExecution, ReadHistory
from perdure_service.application.resolve import ResolveFunction
from perdure_service.application.serve import ServeFunction
from perdure_service.application.served_runtimes import ServedRuntimes
from perdure_service.application.stop import StopExecution
from perdure_service.application.test_events import ManageTestEvents
from perdure_service.application.unserved_waits import UnservedWaits
from perdure_service.application.use_cases import UseCases
from perdure_service.buckets.folder import FolderBuckets
from perdure_service.buckets.s3 import S3Buckets
from perdure_service.dispatch.claimer import Claimer
from perdure_service.dispatch.dead_letters import DeadLetterPost
from perdure_service.dispatch.dispatchers import Dispatchers
from perdure_service.dispatch.in_turn import InTurn
from perdure_service.dispatch.push import PushTargets, replica_card
from perdure_service.dispatch.push_log import PushLog
from perdure_service.dispatch.sessions import Sessions
from perdure_service.domain.http_url import http_url
from perdure_service.ports.code import CodeSource
from perdure_service.postgres.aliases import PostgresAliases
from perdure_service.postgres.cache import ExecutionCache
from perdure_service.postgres.claims import PostgresClaims
from perdure_service.postgres.clock import PostgresClock
from perdure_service.postgres.code import PostgresCode
from perdure_service.postgres.dead_letters import PostgresDeadLetters
from perdure_service.postgres.deletions import PostgresDeletions
from perdure_service.postgres.durability import refuse, unsafe_settings
from perdure_service.postgres.embedded import EmbeddedPostgres
from perdure_service.postgres.engine import open_engine
from perdure_service.postgres.function_changes import FunctionChanges
from perdure_service.postgres.function_limits import PostgresLimits
from perdure_service.postgres.function_store import PostgresFunctionStore
from perdure_service.postgres.functions import PostgresFunctions
from perdure_service.postgres.graveyard import PostgresGraveyard
from perdure_service.postgres.keys import load_key_ring
from perdure_service.postgres.log import PostgresLog
from perdure_service.postgres.log_graveyard import PostgresLogGraveyard
from perdure_service.postgres.log_groups import PostgresLogGroups
from perdure_service.postgres.log_reading import PostgresLogReader
from perdure_service.postgres.log_writer import LogWriter
from perdure_service.postgres.look import PostgresLook, set_clock
from perdure_service.postgres.migrate import migrate
from perdure_service.postgres.notices import PostgresNotices
from perdure_service.postgres.notify import Notifier
from perdure_service.postgres.reading import ReadPool
from perdure_service.postgres.search import PostgresSearch
from perdure_service.postgres.test_events import PostgresTestEvents
from perdure_service.postgres.worker_register import PostgresWorkerRegister
from perdure_service.scheduler.deletions import FailDeleted
from perdure_service.scheduler.log_retention import LogRetention
from perdure_service.scheduler.notices import Notices
from perdure_service.scheduler.retention import Retention
from perdure_service.scheduler.timers import Timers
from perdure_service.scheduler.watch import Watch
from perdure_service.settings import Settings

logger = logging.getLogger(__name__)

_POSTGRES_CHECK_SECONDS = 0.2
_BACKLOG = 2_048
_LOG_CONNECTIONS = 2
_KEEP_ALIVE_SECONDS = 120
_STALE_LOOK_SECONDS = 5.0
_COLLECTOR_THRESHOLDS = (10_000, 20, 50)
_MAX_DOUBT_SECONDS = 1.0
_OPEN = (
    "NO ACCESS CONTROL: PERDURE_AUTH=off, and this service listens on %s. Whoever reaches port %d "
    "can run every function, read every payload and replace code. Let nobody reach it whom you "
    "would not give a shell."
)


class PortTaken(Exception):
    """The port that was asked for is in use."""


@dataclass(frozen=True, slots=True)
class Service:
    """A wired service: its API, and what must run beside it."""

    app: ASGIApp
    log: PostgresLog
    timers: Timers
    claimer: Claimer
    watch: Watch
    retention: Retention
    deletions: FailDeleted
    notifier: Notifier | None
    sessions: Sessions
    closings: Closings
    post: DeadLetterPost
    log_writer: LogWriter
    log_retention: LogRetention
    function_logs: ReadFunctionLogs

    def let_go(self) -> None:
        """Answer those whom uvicorn would otherwise wait for: polls, and callers of Invoke."""
        self.sessions.end_polls()
        self.closings.end_waits()
        self.function_logs.end_waits()

    async def run(self) -> None:
        """Run all background services; the first that fails ends them all."""
        async with asyncio.TaskGroup() as tasks:
            for service in (
                self.log,
                self.timers,
                self.claimer,
                self.watch,
                self.post,
                self.retention,
                self.log_writer,
                self.log_retention,
                self.deletions,
            ):
                tasks.create_task(service.run())
            if self.notifier is not None:
                tasks.create_task(self.notifier.run())


@asynccontextmanager
async def wired(settings: Settings, url: str) -> AsyncIterator[Service]:
    """The service on a migrated database. Raises UnsafePostgres, Unavailable."""
    pool = ReadPool(url, settings.read_connections)
    unsafe = await unsafe_settings(pool)
    if not settings.unsafe_durability:
        refuse(unsafe)
    clock = PostgresClock()
    await set_clock(pool, clock)
    engine = open_engine(url)
    keys = await load_key_ring(pool)
    markers = Markers(keys, clock)
    limits = settings.limits
    function_limits = PostgresLimits(pool)
    log = PostgresLog(
        url,
        pool=pool,
        cache=ExecutionCache(settings.cache_bytes),
        clock=clock,
        limits=function_limits,
    )
    catalogue = PostgresFunctions(engine, clock, settings.account, settings.region)
    changes = FunctionChanges(
        engine, settings.account, settings.region, catalogue.forget, settings.notify
    )
    function_store = PostgresFunctionStore(changes, clock)
    code = ManageCode(PostgresCode(engine, clock), _buckets(settings, clock))
    resolve = ResolveFunction(catalogue, settings.account, settings.region)
    closings = Closings(log)
    log_writer = LogWriter(url, clock, settings.account)
    log_pool = ReadPool(url, _LOG_CONNECTIONS)
    log_reader = PostgresLogReader(log_pool)
    log_groups = PostgresLogGroups(log_pool, settings.account)
    log_retention = LogRetention(PostgresLogGraveyard(url), clock, settings.logs)
    log_writer.on_written = log_retention.written
    tails = LogTails(log_reader, log_writer)
    function_logs = ReadFunctionLogs(log_reader, log_groups, log_writer, catalogue, resolve, log)
    end = EndInvocation(log, settings.retries, limits)
    envelopes = Envelopes(keys, markers, limits)
    register = PostgresWorkerRegister(pool, clock)
    runtimes = ServedRuntimes(register, clock)
    sessions = Sessions(
        end=end,
        envelopes=envelopes,
        catalogue=catalogue,
        claims=PostgresClaims(pool),
        register=register,
        tails=tails,
        lease_seconds=settings.lease_seconds,
    )
    replica = replica_card(socket.gethostname(), os.getpid())
    push = PushTargets(
        end=end,
        envelopes=envelopes,
        catalogue=catalogue,
        log=PushLog(log_writer, tails, clock, replica.id),
        card=replica,
        lease_seconds=settings.lease_seconds,
    )
    dispatch = Dispatchers([sessions, push])
    claimer = Claimer(log, dispatch, catalogue, function_limits, clock)
    sessions.on_free = push.on_free = claimer.slots_are_free
    timers = Timers(log, clock)
    letters = PostgresDeadLetters(pool)
    targets = DeadLetterTargets(settings.dead_letter_targets)
    post = DeadLetterPost(letters, targets, clock, settings.deliveries)
    notices = Notices(HearChild(log, PostgresNotices(pool), limits))
    deletions = FailDeleted(PostgresDeletions(pool), log, clock)
    retention = Retention(PostgresGraveyard(url), log, clock)
    watch = Watch(
        look=PostgresLook(pool, clock, function_limits),
        clock=clock,
        timers=timers,
        notices=notices,
        closings=closings,
        end=end,
        catalogue=catalogue,
        workforces=(sessions, push),
        queue=claimer,
        letters_are_due=post.wake,
        lease_seconds=settings.lease_seconds,
    )
    claimer.on_dry = watch.look_again_soon
    notifier = None
    observers = [
        closings.observe,
        timers.observe,
        claimer.observe,
        notices.observe,
        post.observe,
        retention.observe,
    ]
    if settings.notify:
        notifier = Notifier(
            url,
            on_hint=watch.nudge,
            on_function_changed=catalogue.forget,
            is_awaited=closings.is_awaited,
            limits=function_limits,
        )
        observers.append(notifier.observe)
    if settings.narrate:
        observers.append(narrate)
    log.attach(InTurn(dispatch, claimer), observers)
    use_cases = UseCases(
        invoke=Invoke(
            log=log,
            resolve=resolve,
            runtimes=runtimes,
            unserved_waits=UnservedWaits(log, catalogue, runtimes),
            closings=closings,
            clock=clock,
            limits=limits,
            tails=tails,
        ),
        checkpoint=CheckpointExecution(log, resolve, keys, markers, clock, limits),
        read_state=ReadState(log, keys, markers, limits),
        read_execution=ReadExecution(log),
        read_history=ReadHistory(log, markers, limits),
        stop=StopExecution(log, limits),
        pause=PauseExecution(log),
        resume=ResumeExecution(log),
        delete=DeleteExecution(log),
        callbacks=CompleteCallback(log, keys, limits),
        functions=ManageFunctions(
            catalogue=catalogue,
            store=function_store,
            code=code,
            addresses=resolve,
            configure=Configure(targets),
            clock=clock,
            on_deleted=deletions.wake,
        ),
        function_settings=FunctionSettings(
            catalogue,
            function_store,
            resolve,
            function_limits,
            on_limit=notifier.tell if notifier is not None else _nobody_is_told,
        ),
        aliases=ManageAliases(
            catalogue,
            PostgresAliases(changes),
            resolve,
        ),
        test_events=ManageTestEvents(
            catalogue,
            PostgresTestEvents(engine, settings.account, settings.region),
            resolve,
            clock,
        ),
        serve=ServeFunction(
            catalogue=catalogue,
            store=function_store,
            code=code.store,
            addresses=resolve,
            dead_letters=targets,
            clock=clock,
        ),
        code=code,
        dead_letters=ManageDeadLetters(letters, clock),
        resolve=resolve,
        search=PostgresSearch(engine, settings.account),
        workers=sessions,
        find_workers=FindWorkers(register, clock, settings.lease_seconds),
        log_intake=log_writer,
        function_logs=function_logs,
        log_groups=ManageLogGroups(
            log_groups, log_writer, clock, settings.account, settings.region, log_retention.wake
        ),
        log_events=ReadLogEvents(log_reader, log_groups),
    )
    ready = _readiness(watch, clock, unsafe)
    try:
        yield Service(
            app=build_app(
                use_cases,
                ready=ready,
                markers=markers,
                throttle=Throttle(settings.rates),
                token_text=settings.token_text,
            ),
            log=log,
            timers=timers,
            claimer=claimer,
            watch=watch,
            retention=retention,
            deletions=deletions,
            notifier=notifier,
            sessions=sessions,
            closings=closings,
            post=post,
            log_writer=log_writer,
            log_retention=log_retention,
            function_logs=function_logs,
        )
    finally:
        await notices.close()
        await push.close()
        await log_pool.close()
        await pool.close()
        await engine.dispose()


def _buckets(settings: Settings, clock: PostgresClock) -> CodeSource | None:
    if settings.s3 is None:
        return None
    if http_url(settings.s3) is None:
        return FolderBuckets(Path(settings.s3))
    return S3Buckets(settings.s3, settings.region, settings.s3_keys, clock)


def _nobody_is_told() -> None:
    """Other replicas look every second anyway."""


def _readiness(watch: Watch, clock: PostgresClock, unsafe: list[str]) -> Callable[[], Readiness]:
    def ready() -> Readiness:
        seen = watch.last_success
        age = None if seen is None else asyncio.get_running_loop().time() - seen
        problems = []
        if age is None or age > _STALE_LOOK_SECONDS:
            problems.append("Postgres has not answered for over five seconds.")
        if clock.doubt_seconds > _MAX_DOUBT_SECONDS:
            problems.append("The clock could not be set against Postgres within a second.")
        return Readiness(
            ok=not problems,
            details={
                "problems": problems,
                "clock_doubt_seconds": round(clock.doubt_seconds, 6),
                "unsafe_durability": unsafe,
            },
        )

    return ready


class _Server(uvicorn.Server):
    """Uvicorn, with a word to those who hold long polls before it waits for them. It would raise
    the signal again in the end, and so end the process before the rest is closed."""

    def __init__(self, config: uvicorn.Config, on_exit: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_exit = on_exit

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._on_exit()
        self.force_exit = self.should_exit
        self.should_exit = True


async def serve(settings: Settings) -> None:
    """Run the service until it is told to stop. Raises PortTaken, UnsafePostgres, SettingsError,
    EmbeddedPostgresError."""
    settings.check(os.environ)
    listener = _listen(settings.host, settings.port)
    async with _database(settings) as url:
        await asyncio.to_thread(migrate, url)
        async with wired(settings, url) as service:
            background = asyncio.create_task(service.run())
            config = uvicorn.Config(
                service.app,
                http=HttpProtocol,
                lifespan="off",
                log_config=None,
                access_log=False,
                backlog=_BACKLOG,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=settings.shutdown_seconds,
                ws="none",
                server_header=False,
                proxy_headers=False,
            )
            server = _Server(config, service.let_go)
            background.add_done_callback(lambda _: setattr(server, "should_exit", True))
            host, port = listener.getsockname()[:2]
            if settings.is_open:
                logger.warning(_OPEN, host, port)
            shown = f"[{host}]" if ":" in host else host
            sys.stdout.write(f"PERDURE_LISTENING http://{shown}:{port}\n")
            sys.stdout.flush()
            _collect_seldom()
            try:
                await server.serve(sockets=[listener])
            finally:
                failed = background.done() and not background.cancelled()
                background.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await background
                if failed:
                    raise RuntimeError("a background service ended") from background.exception()


def _collect_seldom() -> None:
    """Keep the garbage collector from looking through the cached executions again and again: it
    took a fifth of the time, in pauses of 0.1 s. They hold no cycles, so they are freed without
    it. What was made up to now lives as long as the process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTOR_THRESHOLDS)


@asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[str]:
    """DATABASE_URL, or an embedded Postgres that is restarted when it dies."""
    if settings.database_url is not None:
        yield settings.database_url
        return
    postgres = EmbeddedPostgres(settings.data_dir / "postgres")
    url = await asyncio.to_thread(postgres.start)
    keeper = asyncio.create_task(_keep_alive(postgres))
    try:
        yield url
    finally:
        keeper.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeper
        await asyncio.to_thread(postgres.stop)


async def _keep_alive(postgres: EmbeddedPostgres) -> None:
    while True:
        await asyncio.sleep(_POSTGRES_CHECK_SECONDS)
        if not postgres.is_alive():
            logger.warning("Postgres died; starting it again")
            try:
                await asyncio.to_thread(postgres.restart)
            except Exception:
                logger.exception("Postgres could not be started again; trying once more")


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise PortTaken(
            f"Port {port} on {host} cannot be used ({error.strerror}): "
            "choose another with --port, or --port 0 for any free one."
        ) from error
    listener.setblocking(False)
    return listener
