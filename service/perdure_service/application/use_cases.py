"""All use cases, wired: what an adapter that faces callers is given."""

from __future__ import annotations

from dataclasses import dataclass

from perdure_service.application.aliases import ManageAliases
from perdure_service.application.checkpoint import CheckpointExecution, ReadState
from perdure_service.application.code import ManageCode
from perdure_service.application.complete_callback import CompleteCallback
from perdure_service.application.dead_letters import ManageDeadLetters
from perdure_service.application.delete import DeleteExecution
from perdure_service.application.find_workers import FindWorkers
from perdure_service.application.function_logs import ReadFunctionLogs
from perdure_service.application.function_settings import FunctionSettings
from perdure_service.application.functions import ManageFunctions
from perdure_service.application.invoke import Invoke
from perdure_service.application.log_events import ReadLogEvents
from perdure_service.application.log_groups import ManageLogGroups
from perdure_service.application.pause import PauseExecution, ResumeExecution
from perdure_service.application.read import ReadExecution, ReadHistory
from perdure_service.application.resolve import ResolveFunction
from perdure_service.application.serve import ServeFunction
from perdure_service.application.stop import StopExecution
from perdure_service.application.test_events import ManageTestEvents
from perdure_service.ports.function_logs import LogIntake
from perdure_service.ports.search import ExecutionSearch
from perdure_service.ports.workers import WorkerSessions


@dataclass(frozen=True, slots=True)
class UseCases:
    invoke: Invoke
    checkpoint: CheckpointExecution
    read_state: ReadState
    read_execution: ReadExecution
    read_history: ReadHistory
    stop: StopExecution
    pause: PauseExecution
    resume: ResumeExecution
    delete: DeleteExecution
    callbacks: CompleteCallback
    functions: ManageFunctions
    function_settings: FunctionSettings
    aliases: ManageAliases
    test_events: ManageTestEvents
    serve: ServeFunction
    code: ManageCode
    dead_letters: ManageDeadLetters
    resolve: ResolveFunction
    search: ExecutionSearch
    workers: WorkerSessions
    find_workers: FindWorkers
    log_intake: LogIntake
    function_logs: ReadFunctionLogs
    log_groups: ManageLogGroups
    log_events: ReadLogEvents
